// Files of data sets that declare or unfold to more than they should, in a child process whose memory is watched; and
// labels that are no class.
#include <zlib.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "data/exif_choice.h"
#include "data/pack/pack.h"
#include "data/pack/pack_index.h"
#include "tests/data/made_dataset.h"
#include "tests/support/child.h"
#include "tests/support/sanitized.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;

namespace {

/// Growth is looked at where no sanitizer takes memory of its own.
bool small(long grown, long most) { return kSanitized || grown < most; }

struct Opened {
  std::string message;  // "" where it opened
  long grown = 0;       // MiB at the peak, above the start
};

/// Opens the data set in a child and reads all its pictures.
Opened open_in_child(const std::string& source) {
  const std::string report = in_child([&](int) {
    const long before = status_kib("VmRSS:");
    const std::string text = error_of([&] {
      const auto d = open_dataset({source, ""});
      for (std::int64_t i = 0; i < std::min<std::int64_t>(d->size(), 10); ++i) d->image(i);
    });
    return std::to_string((status_kib("VmHWM:") - before) >> 10) + "\n" + text;
  });
  INFO(source << ": " << report);
  REQUIRE(report.find('\n') != std::string::npos);
  return {report.substr(report.find('\n') + 1), std::atol(report.c_str())};
}

Bytes images_header(std::uint32_t count, std::uint32_t side) {
  Bytes b;
  for (const std::uint32_t v : {2051u, count, side, side}) big32(b, v);
  return b;
}

Bytes labels_of(std::uint32_t count) {
  Bytes b;
  for (const std::uint32_t v : {2049u, count}) big32(b, v);
  b.resize(b.size() + count);
  return b;
}

/// The header, then `zeros` zeros, as gzip.
void spill_gz(const std::string& path, const Bytes& header, std::size_t zeros) {
  const gzFile file = gzopen(path.c_str(), "wb9");
  REQUIRE(file);
  gzwrite(file, header.data(), static_cast<unsigned>(header.size()));
  const Bytes block(1 << 20);
  for (; zeros > 0; zeros -= std::min(zeros, block.size()))
    gzwrite(file, block.data(), static_cast<unsigned>(std::min(zeros, block.size())));
  REQUIRE(gzclose(file) == Z_OK);
}

/// A file of that apparent size that begins with `head` and ends with `tail`, holes between.
void spill_sparse(const std::string& path, const Bytes& head, std::uintmax_t size, const Bytes& tail = {}) {
  spill(path, head);
  std::filesystem::resize_file(path, size);
  std::ofstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(size - tail.size()));
  file.write(reinterpret_cast<const char*>(tail.data()), static_cast<std::streamsize>(tail.size()));
  REQUIRE(file.good());
}

struct IdxFolder {
  TempFolder folder;
  std::string source = folder / "idx";
  IdxFolder() {
    std::filesystem::create_directories(source);
    for (const char* name : {"train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"})
      spill(source + "/" + name, labels_of(2));
    Bytes images = images_header(2, 4);
    images.resize(images.size() + 32);
    for (const char* name : {"train-images-idx3-ubyte", "t10k-images-idx3-ubyte"}) spill(source + "/" + name, images);
  }
  std::string images() const { return source + "/train-images-idx3-ubyte"; }
};

Bytes footer_of(const std::string& index, std::uint64_t size) {
  std::string text;
  for (const std::uint64_t v : {size, pack_checksum(index.data(), index.size())})
    for (int i = 0; i < 8; ++i) text += static_cast<char>(v >> 8 * i);
  text += kPackEnd;
  return {text.begin(), text.end()};
}

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

}  // namespace

TEST_CASE("IDX files are held against what they declare before they are unfolded", "[bounds]") {
  const IdxFolder idx;
  CHECK(open_in_child(idx.source).message.empty());
  std::filesystem::remove(idx.images());

  // A bomb that declares little, and one that declares all of it.
  Bytes header = images_header(2, 4);
  spill_gz(idx.images() + ".gz", header, 400 << 20);
  Opened opened = open_in_child(idx.source);
  CHECK_THAT(opened.message, Contains("more than its header says"));
  CHECK(small(opened.grown, 16));
  spill_gz(idx.images() + ".gz", images_header(25600, 128), 400 << 20);
  opened = open_in_child(idx.source);
  CHECK_THAT(opened.message, Contains("train-images-idx3-ubyte.gz") && Contains("hundredfold"));
  CHECK(small(opened.grown, 16));
  spill_gz(idx.images() + ".gz", images_header(1 << 20, 4096), 1 << 10);
  CHECK_THAT(open_in_child(idx.source).message, Contains("impossible sizes"));
  spill_gz(idx.images() + ".gz", images_header(1 << 10, 2048), 1 << 10);
  CHECK_THAT(open_in_child(idx.source).message, Contains("the limit is"));
  std::filesystem::remove(idx.images() + ".gz");

  // Plain files: a hole of 16 GB behind the header; a header that promises what is not there.
  spill_sparse(idx.images(), images_header(2, 4), std::uintmax_t{16} << 30);
  opened = open_in_child(idx.source);
  CHECK_THAT(opened.message, Contains("more than its header says"));
  CHECK(small(opened.grown, 16));
  spill(idx.images(), images_header(1 << 10, 1024));
  opened = open_in_child(idx.source);
  CHECK_THAT(opened.message, Contains("truncated"));
  CHECK(small(opened.grown, 16));
  std::filesystem::remove(idx.images());
  std::filesystem::create_directories(idx.images());
  CHECK_THAT(open_in_child(idx.source).message, Contains("it is no file") || Contains("IDX"));
}

TEST_CASE("packs: holes, and an index that promises more than the file can hold, cost nothing", "[bounds]") {
  const TempFolder folder;
  const std::string path = folder / "p";
  const std::string index =
      "{\"classes\":1,\"pictures\":2000000,\"short_side\":0}\n\"c\"\n" + std::string(3 << 20, '\n');
  Bytes lying = bytes_of(std::string(kPackMagic) + index);
  const Bytes footer = footer_of(index, index.size());
  lying.insert(lying.end(), footer.begin(), footer.end());
  spill(path, lying);
  Opened opened = open_in_child(path);
  CHECK_THAT(opened.message, Contains("which a pack of its size does not hold"));
  CHECK(small(opened.grown, 32));

  spill_sparse(path, bytes_of(kPackMagic), std::uintmax_t{64} << 30, footer_of("", std::uint64_t{32} << 30));
  opened = open_in_child(path);
  CHECK_THAT(opened.message, Contains("the limit is"));
  CHECK(small(opened.grown, 16));
}

TEST_CASE("MATLAB files, lists and pictures with holes are refused by their size", "[bounds]") {
  const TempFolder folder;
  const std::uintmax_t huge = std::uintmax_t{64} << 30;
  const std::string tree = std::string(FLEDGE_SOURCE_DIR) + "/tests/data/layouts/cars_a";
  std::filesystem::copy(tree, folder / "cars", std::filesystem::copy_options::recursive);
  spill_sparse(folder / "cars/cars_annos.mat", slurp(tree + "/cars_annos.mat"), huge);
  spill_sparse(folder / "list.csv", bytes_of("path,label\n"), huge);
  std::filesystem::create_directories(folder / "set/c");
  spill_sparse(folder / "set/c/hole.jpg", {0xff, 0xd8, 0xff, 0xe0}, huge);
  for (const std::string source : {"cars", "list.csv", "set"}) {
    const Opened opened = open_in_child(folder / source);
    INFO(source << ": " << opened.message);
    CHECK_THAT(opened.message, Contains(source) && (Contains("bytes") || Contains("MiB")));
    CHECK(small(opened.grown, 16));
  }
}

TEST_CASE("a pack remembers whether its pictures were turned upright", "[bounds][pack]") {
  const TempFolder folder;
  std::filesystem::create_directories(folder / "set/c");
  write_png(folder / "set/c/0.png", pattern(6, 4));
  const auto packed = [&](ExifChoice choice) {
    set_exif_choice(choice);
    const auto set = open_dataset({folder / "set", ""});
    pack_dataset(*select_classes(set, {0}), folder / "p", {});
  };
  const auto opening = [&](ExifChoice choice) {
    set_exif_choice(choice);
    return error_of([&] { open_dataset({folder / "p", ""}); });
  };
  packed(ExifChoice::Auto);
  CHECK_THAT(open_pack(folder / "p")->description(), Contains("turned upright"));
  CHECK(open_pack(folder / "p")->turned() == true);
  CHECK(opening(ExifChoice::Auto).empty());
  CHECK(opening(ExifChoice::On).empty());
  CHECK_THAT(opening(ExifChoice::Off), Contains("turned upright") && Contains("--exif-rotate off"));
  packed(ExifChoice::Off);
  CHECK(open_pack(folder / "p")->turned() == false);
  CHECK_THAT(opening(ExifChoice::On), Contains("as stored"));
  CHECK(opening(ExifChoice::Auto).empty());
  pack_dataset(Made({2}), folder / "p", {});  // made pictures have no orientation
  CHECK_FALSE(open_pack(folder / "p")->turned().has_value());
  CHECK(opening(ExifChoice::Off).empty());
  set_exif_choice(ExifChoice::Auto);
}
