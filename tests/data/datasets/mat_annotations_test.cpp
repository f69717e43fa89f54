// MATLAB files: what SciPy and MATLAB write is read; cut, flipped and lying ones are refused.
#include <zlib.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <cstring>
#include <functional>

#include "data/datasets/annotation_files/mat_annotations.h"
#include "tensor/random.h"
#include "tests/data/datasets/picture_folder.h"
#include "tests/support/files.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;

namespace {

bool same(const MatAnnotations& a, const MatAnnotations& b) {
  if (a.class_names != b.class_names || a.records.size() != b.records.size()) return false;
  for (std::size_t i = 0; i < a.records.size(); ++i) {
    const MatRecord &x = a.records[i], &y = b.records[i];
    if (x.file != y.file || x.class_id != y.class_id || x.x1 != y.x1 || x.y2 != y.y2) return false;
  }
  return true;
}

/// Opens it or is refused as bad input; anything else fails the test. True: it opened.
bool opens(const TempFolder& folder, const Bytes& bytes, std::string* message = nullptr) {
  spill(folder / "x.mat", bytes);
  ErrorKind kind = ErrorKind::BadInput;
  const std::string text = error_of([&] { read_mat_annotations(folder / "x.mat"); }, &kind);
  CHECK(kind == ErrorKind::BadInput);
  if (!text.empty()) CHECK_THAT(text, Contains("x.mat"));
  if (message) *message = text;
  return text.empty();
}

std::string refusal(const Bytes& bytes) {
  const TempFolder folder;
  std::string message;
  opens(folder, bytes, &message);
  return message;
}

std::size_t position(const Bytes& bytes, const Bytes& wanted, std::size_t from = 0) {
  return static_cast<std::size_t>(
      std::search(bytes.begin() + static_cast<std::ptrdiff_t>(from), bytes.end(), wanted.begin(), wanted.end()) -
      bytes.begin());
}

void put32(Bytes& bytes, std::size_t at, std::uint32_t value) { std::memcpy(bytes.data() + at, &value, 4); }

/// The variables as one compressed element, as version 7 has each of them.
Bytes compressed(const Bytes& content) {
  uLongf size = compressBound(static_cast<uLong>(content.size()));
  Bytes packed(size);
  compress(packed.data(), &size, content.data(), static_cast<uLong>(content.size()));
  packed.resize(size);
  return packed;
}

Bytes file_of(const Bytes& header, const Bytes& packed) {
  Bytes file = header;
  file.resize(136);
  put32(file, 128, 15);
  put32(file, 132, static_cast<std::uint32_t>(packed.size()));
  file.insert(file.end(), packed.begin(), packed.end());
  return file;
}

}  // namespace

TEST_CASE("MATLAB files: compressed, plain, and with doubles kept as bytes", "[mat]") {
  const MatAnnotations packed = read_mat_annotations(tree("cars_a/cars_annos.mat"));
  REQUIRE(packed.records.size() == 24);
  REQUIRE(packed.class_names.size() == 196);
  CHECK(packed.class_names[172] == "Ram C/V Cargo Van Minivan 2012");
  CHECK(packed.records[23].file == "car_ims/000024.jpg");
  CHECK(packed.records[5].class_id == 196);
  CHECK(packed.records[0].x1 >= 1);
  CHECK(same(packed, read_mat_annotations(tree("mat/plain.mat"))));
  CHECK(same(packed, read_mat_annotations(tree("mat/double.mat"))));
  const MatAnnotations meta = read_mat_annotations(tree("cars_b/devkit/cars_meta.mat"));
  CHECK(meta.records.empty());
  CHECK(meta.class_names == packed.class_names);
  const MatAnnotations unlabeled = read_mat_annotations(tree("cars_b/devkit/cars_test_annos.mat"));
  CHECK(unlabeled.records.size() == 12);
  CHECK(unlabeled.records[0].class_id == 0);
  CHECK(unlabeled.records[0].file == "00001.jpg");
}

TEST_CASE("MATLAB files: other versions, other variables and lying sizes are refused with a reason", "[mat]") {
  const Bytes plain = slurp(tree("mat/plain.mat"));
  const auto changed = [&](const std::function<void(Bytes&)>& change) {
    Bytes b = plain;
    change(b);
    return refusal(b);
  };
  CHECK_THAT(refusal({}), Contains("cut short"));
  CHECK_THAT(refusal(Bytes(200, 'x')), Contains("does not begin as a MATLAB file"));
  CHECK_THAT(changed([](Bytes& b) { std::memcpy(b.data(), "MATLAB 7.3", 10); }), Contains("7.3") && Contains("-v7"));
  CHECK_THAT(changed([](Bytes& b) { b[126] = 'M', b[127] = 'I'; }), Contains("big-endian"));
  CHECK_THAT(changed([](Bytes& b) { b[128] = 13; }), Contains("unknown type 13"));
  CHECK_THAT(changed([](Bytes& b) { put32(b, 132, 0xfffffff0); }), Contains("cut short"));
  CHECK_THAT(error_of([] { read_mat_annotations("/nonexistent/cars_annos.mat"); }), Contains("does not exist"));
  // 16: flags (class at 144), 32: sizes, then the name.
  REQUIRE(plain[144] == 2);
  CHECK_THAT(changed([](Bytes& b) { b[144] = 5; }), Contains("class 5"));
  CHECK_THAT(changed([](Bytes& b) { b[145] |= 8; }), Contains("complex"));
  CHECK_THAT(changed([](Bytes& b) { put32(b, 164, 0x7fffffff); }), Contains("says that it has"));
  CHECK_THAT(changed([](Bytes& b) { put32(b, 164, 25); }), Contains("cut short") || Contains("fewer entries"));
  CHECK_THAT(changed([](Bytes& b) { put32(b, 164, 23); }), Contains("more data than its sizes say"));
  CHECK_THAT(changed([](Bytes& b) { put32(b, 160, 0x10000), put32(b, 164, 0x10000); }), Contains("says that it has"));
  CHECK_THAT(changed([&](Bytes& b) {
               b[position(b, {'b', 'b', 'o', 'x', '_', 'y', '2'})] = 'B';
             }),
             Contains("annotations(1) has no number in 'bbox_y2'"));
  CHECK_THAT(changed([&](Bytes& b) {
               b[position(b, {'r', 'e', 'l', 'a', 't'})] = 'R';
             }),
             Contains("no text in 'fname'"));
  const TempFolder folder;
  Bytes renamed = plain;
  renamed[position(plain, {'a', 'n', 'n', 'o', 't'}, 128)] = 'b';
  REQUIRE(opens(folder, renamed));  // other variables may be there
  CHECK(read_mat_annotations(folder / "x.mat").records.empty());
  CHECK_THAT(refusal(Bytes(plain.begin(), plain.begin() + 128)), Contains("neither 'annotations' nor 'class_names'"));
  Bytes twice = plain;
  twice.insert(twice.end(), plain.begin() + 128, plain.end());
  CHECK_THAT(refusal(twice), Contains("is there twice"));
}

TEST_CASE("MATLAB files: a bomb of zeros is refused within its limit", "[mat]") {
  const Bytes plain = slurp(tree("mat/plain.mat"));
  const Bytes bomb = file_of(plain, compressed(Bytes(65 << 20, 0)));
  CHECK(bomb.size() < 100000);
  const auto start = std::chrono::steady_clock::now();
  CHECK_THAT(refusal(bomb), Contains("inflates to more than 24 MiB"));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
}

TEST_CASE("MATLAB files: cut at many lengths, a file is refused", "[mat]") {
  const TempFolder folder;
  for (const char* name : {"cars_a/cars_annos.mat", "mat/plain.mat", "cars_b/devkit/cars_test_annos_withlabels.mat"}) {
    const Bytes whole = slurp(tree(name));
    const std::size_t step = 1 + whole.size() / 400;
    for (std::size_t n = 0; n < whole.size(); n += step) {
      INFO(name << " cut to " << n);
      // A cut between two variables leaves a file that is whole in itself.
      const bool opened = opens(folder, Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n)));
      if (opened) CHECK(read_mat_annotations(folder / "x.mat").class_names.empty());
    }
  }
}

TEST_CASE("MATLAB files: flipped bytes, in the file and under the compression, never crash", "[mat]") {
  const TempFolder folder;
  const Bytes plain = slurp(tree("mat/plain.mat")), packed = slurp(tree("cars_a/cars_annos.mat"));
  const Bytes first(plain.begin() + 128, plain.begin() + 136 + (plain[132] | plain[133] << 8 | plain[134] << 16));
  Generator g = Generator::of({7, 77});
  const auto flip = [&](Bytes bytes, std::size_t from) {
    const int flips = 1 + static_cast<int>(g.below(3));
    for (int f = 0; f < flips; ++f) {
      // Half of them where the sizes and names of the first array are.
      const std::size_t span = g.below(2) ? bytes.size() - from : std::min<std::size_t>(512, bytes.size() - from);
      std::uint8_t& byte = bytes[from + g.below(span)];
      byte = g.below(2) ? static_cast<std::uint8_t>(g.below(256)) : byte ^ static_cast<std::uint8_t>(1 << g.below(8));
    }
    return bytes;
  };
  int opened = 0;
  for (int round = 0; round < 800; ++round) {
    INFO("round " << round);
    opened += opens(folder, flip(plain, 128));
    if (round % 5 == 0) opens(folder, flip(packed, 128));
    if (round % 5 == 1) opens(folder, file_of(plain, compressed(flip(first, 8))));
  }
  CHECK(opened > 0);    // a flip in a text goes unnoticed
  CHECK(opened < 800);  // and most others do not
}
