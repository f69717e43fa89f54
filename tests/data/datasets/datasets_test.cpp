// IDX files, selected classes, the cache, verification, and the sets of this machine.
#include <zlib.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <set>
#include <thread>

#include "data/datasets/idx.h"
#include "data/subset.h"
#include "data/verify/verify.h"
#include "tests/data/datasets/picture_folder.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;

namespace {

Bytes idx(std::uint8_t rank, std::vector<std::uint32_t> dims, const Bytes& payload) {
  Bytes b = {0, 0, 8, rank};
  for (const std::uint32_t d : dims)
    for (int s = 24; s >= 0; s -= 8) b.push_back(static_cast<std::uint8_t>(d >> s));
  b.insert(b.end(), payload.begin(), payload.end());
  return b;
}

void spill_gz(const std::string& path, const Bytes& bytes) {
  gzFile f = gzopen(path.c_str(), "wb");
  gzwrite(f, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(f);
}

}  // namespace

TEST_CASE("class selection and its errors") {
  CHECK(parse_class_ranks("0-2,5", 6) == std::vector<std::int64_t>{0, 1, 2, 5});
  const auto error = [](const std::string& text) { return error_of([&] { parse_class_ranks(text, 4); }); };
  CHECK_THAT(error("4"), Contains("rank 4 is too large, the data set has 4 classes (0 to 3)"));
  CHECK_THAT(error("99999999999999999999999"), Contains("too large"));
  CHECK_THAT(error("2-1"), Contains("runs backwards"));
  CHECK_THAT(error("1,1"), Contains("rank 1 is there twice"));
  CHECK_THAT(error("1,"), Contains("a number is missing at position 3"));
  CHECK_THAT(error("1x"), Contains("unexpected 'x' at position 2"));

  const TempFolder root;
  for (const char* name : {"a", "b", "c", "d"})
    for (const char* file : {"1", "2"}) picture(root / (std::string(name) + "/" + file + ".png"), 3, 3);
  const auto d = open_dataset({root.path(), "2,0"});
  CHECK(d->class_names() == std::vector<std::string>{"c", "a"});
  CHECK(d->size() == 4);
  CHECK(d->name(0) == "a/1.png");
  CHECK(d->label(0) == 1);
  CHECK_THAT(d->description(), Contains("of these 4 images, 2 classes"));
  CHECK_THAT(error_of([&] { select_classes(d, {0, 0}); }), Contains("there twice"));

  const auto all = open_dataset({root.path(), ""});
  const auto [rest, held] = split_classes(all, 0.3, 5);
  CHECK(rest->classes() == 3);
  CHECK(held->classes() == 1);
  std::set<std::string> names(rest->class_names().begin(), rest->class_names().end());
  names.insert(held->class_names().begin(), held->class_names().end());
  CHECK(names.size() == 4);
  CHECK(split_classes(all, 0.3, 5).second->class_names() == held->class_names());
  CHECK(split_classes(all, 0.01, 5).second->classes() == 1);
  CHECK_THAT(error_of([&] { split_classes(all, 1.0, 5); }), Contains("cannot split 4 classes"));
}

TEST_CASE("idx: plain and gzip, both parts, and damaged files") {
  const TempFolder root;
  const Bytes pixels = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  spill(root / "train-images-idx3-ubyte", idx(3, {2, 2, 3}, pixels));
  spill_gz(root / "train-labels-idx1-ubyte.gz", idx(1, {2}, {1, 0}));
  spill_gz(root / "t10k-images-idx3-ubyte.gz", idx(3, {1, 2, 3}, {20, 21, 22, 23, 24, 25}));
  spill(root / "t10k-labels-idx1-ubyte", idx(1, {1}, {2}));
  const auto d = open_dataset({root.path(), ""});
  REQUIRE(d->size() == 3);
  CHECK(d->class_names() == std::vector<std::string>{"0", "1", "2"});
  CHECK(d->label(0) == 1);
  CHECK(d->name(1) == "train/00001");
  CHECK(d->name(2) == "test/00000");
  CHECK(d->image(1).width == 3);
  CHECK(d->image(1).rgb[4] == 8);
  CHECK(d->image(2).rgb[17] == 25);
  CHECK(open_dataset({root.path() + ":test", ""})->size() == 1);
  CHECK(open_idx(root.path(), SplitPart::Train)->size() == 2);

  const auto broken = [&](const std::string& name, const Bytes& bytes) {
    const Bytes old = slurp(root / name);
    spill(root / name, bytes);
    const std::string text = open_error(root.path());
    spill(root / name, old);
    return text;
  };
  CHECK_THAT(broken("train-images-idx3-ubyte", idx(3, {2, 2, 3}, {1, 2})), Contains("it is truncated"));
  CHECK_THAT(broken("train-images-idx3-ubyte", idx(3, {2, 2, 3}, Bytes(13, 0))), Contains("more than its header says"));
  CHECK_THAT(broken("train-images-idx3-ubyte", idx(1, {2, 2, 3}, pixels)),
             Contains("starts with 2049 instead of 2051"));
  CHECK_THAT(broken("train-images-idx3-ubyte", idx(3, {4294967295u, 4096, 4096}, pixels)),
             Contains("impossible sizes"));
  CHECK_THAT(broken("t10k-labels-idx1-ubyte", idx(1, {2}, {2, 2})), Contains("2 labels for 1 images"));
  CHECK_THAT(broken("t10k-labels-idx1-ubyte", {}), Contains("truncated"));
  Bytes gz = slurp(root / "t10k-images-idx3-ubyte.gz");
  gz[gz.size() - 6] ^= 0xff;
  CHECK_THAT(broken("t10k-images-idx3-ubyte.gz", gz), Contains("corrupt"));
  std::filesystem::remove(root / "t10k-labels-idx1-ubyte");
  CHECK_THAT(open_error(root.path()),
             Contains("lacks the IDX file t10k-labels-idx1-ubyte (or t10k-labels-idx1-ubyte.gz)"));
  CHECK_THAT(error_of([&] { open_idx(root / "no", SplitPart::All); }), Contains("does not exist"));
}

TEST_CASE("Fashion-MNIST as the distribution installs it") {
  if (!std::filesystem::exists("/usr/share/datasets/fashion-mnist")) {
    WARN("skipped: dataset-fashion-mnist is not installed");
    return;
  }
  const auto d = open_dataset({"fashion-mnist:test", "5-9"});
  CHECK(d->size() == 5000);
  CHECK(d->classes() == 5);
  CHECK(d->class_names()[0] == "5");
  const Image image = d->image(0);
  CHECK(image.width == 28);
  CHECK(image.height == 28);
}

TEST_CASE("cache: each picture is decoded once while it fits, by many threads") {
  class Counting : public Dataset {
   public:
    std::int64_t size() const override { return 20; }
    std::int64_t label(std::int64_t) const override { return 0; }
    std::string name(std::int64_t) const override { return "x"; }
    Image image(std::int64_t i) const override {
      ++decoded;
      return pattern(10 + static_cast<int>(i), 10);
    }
    const std::vector<std::string>& class_names() const override { return names; }
    std::string description() const override { return "counting"; }
    std::vector<std::string> names = {"a"};
    mutable std::atomic<int> decoded{0};
  };
  auto base = std::make_shared<Counting>();
  const auto big = cache_images(base, 1 << 20);
  for (int round = 0; round < 3; ++round)
    for (int i = 0; i < 20; ++i) CHECK(big->image(i).rgb == pattern(10 + i, 10).rgb);
  CHECK(base->decoded == 20);
  base->decoded = 0;
  const auto small = cache_images(base, 800);  // room for two
  for (int round = 0; round < 2; ++round)
    for (int i = 0; i < 20; ++i) small->image(i);
  CHECK(base->decoded == 38);
  const auto shared = cache_images(base, 1 << 20);
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 400; ++i) wrong += shared->image(i % 20).width != 10 + i % 20;
    });
  for (auto& t : threads) t.join();
  CHECK(wrong == 0);
}

TEST_CASE("verify finds unreadable and doubled pictures, for any number of workers") {
  const TempFolder root;
  picture(root / "a/1.png", 9, 6);
  picture(root / "a/2.png", 9, 6);  // the same pixels
  picture(root / "b/1.png", 9, 6);  // and once more, in another class
  picture(root / "b/2.png", 5, 8);
  picture(root / "c/1.png", 7, 7);
  picture(root / "d/1.png", 20, 30);
  spill(root / "d/2.jpg", std::string());
  Bytes cut = slurp(root / "d/1.png");
  cut.resize(cut.size() / 2);
  spill(root / "d/3.png", cut);
  const auto d = open_dataset({root.path(), ""});
  for (const int workers : {0, 1, 3}) {
    std::int64_t last = 0;
    const DatasetReport r = verify(*d, workers, [&](std::int64_t done, std::int64_t total) {
      CHECK(done == last + 1);
      CHECK(total == 8);
      last = done;
    });
    CHECK(last == 8);
    CHECK(r.images == 8);
    CHECK(r.classes == 4);
    CHECK(r.images_per_class.min == 1);
    CHECK(r.images_per_class.median == 2);
    CHECK(r.images_per_class.max == 3);
    CHECK(r.single_image_classes == std::vector<std::string>{"c"});
    REQUIRE(r.unreadable.size() == 2);
    CHECK(r.unreadable[0].name == "d/2.jpg");
    CHECK_THAT(r.unreadable[0].reason, Contains("0 bytes"));
    CHECK_THAT(r.unreadable[1].reason, Contains("truncated"));
    REQUIRE(r.duplicates.size() == 1);
    CHECK(r.duplicates[0].names == std::vector<std::string>{"a/1.png", "a/2.png", "b/1.png"});
    CHECK(r.duplicates[0].across_classes);
    CHECK(r.width.max == 20);
    CHECK(r.short_side.min == 5);
    CHECK_FALSE(r.good());
  }
  const DatasetReport counts = count_classes(*d);
  CHECK_FALSE(counts.decoded);
  CHECK(counts.images == 8);
}

TEST_CASE("the shared pictures open and decode") {
  const std::string cars = shared_folder("data/cars196/train");
  if (cars.empty()) {
    WARN("skipped: no shared data (set FLEDGE_SHARED)");
    return;
  }
  const auto d = open_dataset({cars, ""});
  CHECK(d->classes() == 98);
  const Image image = d->image(0);
  CHECK(std::min(image.width, image.height) == 144);
}
