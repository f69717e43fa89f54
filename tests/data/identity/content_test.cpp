// What a picture is, whatever its name; and which pictures are in two sets.
#include <sys/resource.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "data/dataset.h"
#include "data/identity/content.h"
#include "data/identity/overlap.h"
#include "data/pack/pack.h"
#include "tests/data/made_dataset.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;

namespace {

namespace fs = std::filesystem;

void picture(const std::string& path, int width) {
  fs::create_directories(fs::path(path).parent_path());
  write_png(path, pattern(width, 9));
}

std::shared_ptr<Dataset> open(const std::string& source) { return open_dataset({source, ""}); }

Overlap overlap(const std::string& a, const std::string& b) {
  Contents x(open(a)), y(open(b));
  return find_overlap(x, y, 2);
}

}  // namespace

TEST_CASE("a file's content is the XXH3 of its bytes, however large", "[content]") {
  const TempFolder folder;
  for (const std::size_t size : {0u, 1u, 262144u, 700001u}) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 131 >> 3);
    spill(folder / "x", bytes);
    const Content c = content_of_file(folder / "x");
    CHECK(c == content_of(bytes.data(), bytes.size()));
    CHECK(content_from_text(to_text(c)) == c);
    CHECK(stamp_of_file(folder / "x").size == static_cast<std::int64_t>(size));
  }
  spill(folder / "x", std::string());
  CHECK(to_text(content_of_file(folder / "x")) == "99aa06d3014798d86001c324468d497f");  // XXH3-128 of nothing
  CHECK_FALSE(content_of_file(folder / "none").known());
  CHECK_FALSE(content_of_file(folder.path()).known());
  CHECK_FALSE(content_from_text("99AA06d3014798d86001c324468d497f"));
  CHECK(stamp_of_file(folder / "none") == FileStamp{});
  ::mkfifo((folder / "pipe").c_str(), 0600);
  CHECK_FALSE(content_of_file(folder / "pipe").known());  // and does not wait
  rlimit files{};  // there, but there is no descriptor to be had: not the same as no content
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &files) == 0);
  const rlimit none{0, files.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  ErrorKind kind = ErrorKind::Internal;
  const std::string error = error_of([&] { content_of_file(folder / "x"); }, &kind);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &files) == 0);
  CHECK(kind == ErrorKind::Resource);
  CHECK_THAT(error, Catch::Contains("cannot read picture") && Catch::Contains("/x'"));
  const FileStamp before = stamp_of_file(folder / "x");
  spill(folder / "x", std::string());
  fs::last_write_time(folder / "x", fs::file_time_type::clock::now() - std::chrono::hours(1));
  CHECK_FALSE(stamp_of_file(folder / "x") == before);
}

TEST_CASE("contents of a set: by file, through all that wraps a set, found out once", "[content]") {
  const TempFolder folder;
  for (int c = 0; c < 4; ++c)
    for (int i = 0; i < 3; ++i)
      picture(folder / ("set/c" + std::to_string(c) + "/" + std::to_string(i) + ".png"), 10 + 3 * c + i);
  spill(folder / "set/c1/bad.png", std::string("no picture"));
  const auto set = open(folder / "set");
  Contents plain(set);
  CHECK_FALSE(plain.complete());
  plain.start();
  plain.finish(2);
  CHECK(plain.complete());
  for (std::int64_t i = 0; i < set->size(); ++i)
    CHECK(plain.of(i) == content_of_file(folder / ("set/" + set->name(i))));
  Contents other(append_unlabeled(hide_labels(cache_images(select_classes(set, {1, 3}), 1 << 20), 0.5, 1), set));
  CHECK(other.of(0) == content_of_file(folder / ("set/" + set->name(3))));
  CHECK(other.of(7) == plain.of(0));
  // What is known is not asked for again.
  Contents remembered(set);
  remembered.remember(0, plain.of(5));
  CHECK(remembered.of(0) == plain.of(5));
  fs::remove(folder / ("set/" + set->name(2)));
  CHECK(plain.of(2).known());
  CHECK_FALSE(Contents(set).of(2).known());
}

TEST_CASE("pictures in no file of their own are known by their pixels", "[content]") {
  const TempFolder folder;
  const Made made({2, 2});
  pack_dataset(made, folder / "a.pack", {});
  const auto pack = open(folder / "a.pack");
  CHECK(pack->file(0).path.empty());
  CHECK(pack->content(0).known());
  CHECK_FALSE(pack->content(0) == pack->content(1));
  CHECK(made.content(0).known());
  CHECK_FALSE(made.content(0) == made.content(1));
  Contents bad(std::make_shared<Made>(std::vector<int>{2}, std::set<std::int64_t>{1}));
  bad.finish(0);
  CHECK(bad.of(0).known());
  CHECK_FALSE(bad.of(1).known());
}

TEST_CASE("pictures that are in two sets", "[content]") {
  const TempFolder folder;
  for (int i = 0; i < 4; ++i) picture(folder / ("train/a/" + std::to_string(i) + ".png"), 10 + i);
  for (int i = 0; i < 3; ++i) picture(folder / ("test/b/" + std::to_string(i) + ".png"), 20 + i);
  CHECK(overlap(folder / "test", folder / "train").count == 0);
  CHECK(overlap_text(overlap(folder / "test", folder / "train")).empty());
  fs::copy(folder / "train/a/2.png", folder / "test/b/x.png");
  const Overlap one = overlap(folder / "test", folder / "train");
  CHECK(one.count == 1);
  CHECK(one.of == 4);
  CHECK(overlap_text(one) == "1 of the 4 test pictures is a training picture too ('b/x.png' = 'a/2.png')");
  // The same size is not the same content.
  Bytes bytes = slurp(folder / "train/a/2.png");
  bytes[bytes.size() - 6] ^= 1;
  spill(folder / "test/b/x.png", bytes);
  CHECK(overlap(folder / "test", folder / "train").count == 0);
  const Overlap all = overlap(folder / "train", folder / "train");
  CHECK(all.count == 4);
  CHECK_THAT(overlap_text(all, "validation"), Contains("4 of the 4 validation pictures are training pictures too"));
  fs::rename(folder / "test/b", folder / "test/b\x1b[2J");
  CHECK_THAT(overlap_text(overlap(folder / "test", folder / "test")), Contains("b\\x1b[2J/0.png"));
  // Unreadable ones are no one's equals.
  spill(folder / "test/b\x1b[2J/0.png", std::string());
  fs::remove(folder / "test/b\x1b[2J/1.png");
  CHECK(overlap(folder / "test", folder / "test").count == 3);
}
