#include <algorithm>
#include <catch2/catch.hpp>

#include "io/image/image.h"
#include "io/image/resize.h"
#include "io/image/resize/passes.h"
#include "tests/support/golden_reader.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;

namespace {

int worst_difference(const Image& image, const std::uint8_t* wanted) {
  int worst = 0;
  for (std::size_t i = 0; i < image.rgb.size(); ++i)
    worst = std::max(worst, std::abs(int{image.rgb[i]} - int{wanted[i]}));
  return worst;
}

std::string decode_error(const Bytes& bytes, const DecodeLimits& limits = {}) {
  ErrorKind kind = ErrorKind::Internal;
  const std::string text = error_of([&] { decode_image(bytes.data(), bytes.size(), "a.jpg", limits); }, &kind);
  if (!text.empty()) {
    CHECK(kind == ErrorKind::BadInput);
    CHECK_THAT(text, Contains("'a.jpg'"));
  }
  return text;
}

Bytes golden_file(const std::string& wanted) {
  for (GoldenReader g("images.bin"); g.more();) {
    const std::string name = g.text();
    const Bytes file = g.block();
    const int width = g.number(), height = g.number();
    g.take(std::size_t{3} * width * height);
    if (name == wanted) return file;
  }
  FAIL("no golden picture " << wanted);
  return {};
}

}  // namespace

TEST_CASE("resize gives Pillow's bytes") {
  int cases = 0;
  for (GoldenReader g("resize.bin"); g.more(); ++cases) {
    const int in_w = g.number(), in_h = g.number();
    const int out_w = g.number(), out_h = g.number();
    float box[4];
    for (float& b : box) b = g.value<float>();
    const int kind = g.number();
    const std::uint8_t* wanted = g.take(std::size_t{3} * out_w * out_h);
    CAPTURE(cases, in_w, in_h, out_w, out_h, kind);
    const Image image = pattern(in_w, in_h);
    const Image got =
        kind == 0 ? resize(image, out_w, out_h, {box[0], box[1], box[2], box[3]})
                  : crop_and_resize(image, {int(box[0]), int(box[1]), int(box[2] - box[0]), int(box[3] - box[1])},
                                    out_w, out_h);
    REQUIRE(got.width == out_w);
    REQUIRE(got.height == out_h);
    CHECK(worst_difference(got, wanted) == 0);
  }
  CHECK(cases == 15);
}

TEST_CASE("all resize passes agree, in any shape") {
  const std::vector<ResizePasses> all = all_resize_passes();
  std::string names;
  for (const ResizePasses& p : all) names += std::string(p.name) + " ";
  INFO(names);
  std::uint32_t state = 1;
  const auto below = [&](int n) { return static_cast<int>((state = state * 1664525u + 1013904223u) >> 8) % n; };
  for (int i = 0; i < 400; ++i) {
    const int in_width = 1 + below(90), out_width = 1 + below(i % 4 ? 70 : 200), rows = 1 + below(kRowsAtOnce);
    ResizeCoefficients c;
    const float from = static_cast<float>(below(in_width)) / 2,
                to = from + 0.25f + static_cast<float>(below(in_width)) / 2;
    c.fill(in_width, from, std::min(to, static_cast<float>(in_width)), out_width);
    if (i % 3 == 0) c.mirror();
    c.pair();
    CAPTURE(i, in_width, out_width, rows, c.taps);
    // A row ends in bytes that are no pixels, bright ones so that they would show.
    const std::size_t in_stride = static_cast<std::size_t>(in_width) * 3 + kReadBeyond,
                      out_stride = static_cast<std::size_t>(out_width) * 3 + kWriteBeyond;
    Bytes in(in_stride * kRowsAtOnce, 255);
    for (int r = 0; r < rows; ++r)
      for (int b = 0; b < 3 * in_width; ++b)
        in[r * in_stride + b] = static_cast<std::uint8_t>(i % 5 ? below(256) : 255);
    std::vector<Bytes> across, down;
    for (const ResizePasses& passes : all) {
      across.emplace_back(out_stride * rows + 1, 77);
      const std::uint8_t* source[kRowsAtOnce];
      std::uint8_t* target[kRowsAtOnce];
      for (int r = 0; r < rows; ++r)
        source[r] = in.data() + r * in_stride, target[r] = across.back().data() + r * out_stride;
      passes.horizontal(source, target, rows, out_width, c);
      CHECK(across.back().back() == 77);  // nothing behind the last byte that may be written
      for (int r = 0; r < rows; ++r) across.back()[(r + 1) * out_stride - 1] = 0;
      ResizeCoefficients v;
      v.fill(rows, 0, static_cast<float>(rows), 1 + i % 9);
      v.pair();
      down.emplace_back(static_cast<std::size_t>(v.first.size()) * in_stride);
      for (std::size_t y = 0; y < v.first.size(); ++y)
        passes.vertical(in.data() + v.first[y] * in_stride, in_stride, v, static_cast<int>(y),
                        down.back().data() + y * in_stride, static_cast<int>(in_stride) - i % 16);
    }
    for (std::size_t k = 1; k < all.size(); ++k) {
      CHECK(across[k] == across[0]);
      CHECK(down[k] == down[0]);
    }
  }
}

TEST_CASE("resize refuses impossible boxes and sizes") {
  const Image image = pattern(10, 8);
  CHECK_THAT(error_of([&] { resize(image, 0, 4); }), Contains("must be positive: 0x4"));
  CHECK_THAT(error_of([&] { resize(Image{}, 4, 4); }), Contains("empty"));
  CHECK_THAT(error_of([&] { resize(image, 4, 4, {0, 0, 11, 8}); }), Contains("not inside the picture of 10x8"));
  CHECK_THAT(error_of([&] { resize(image, 4, 4, {5, 0, 5, 8}); }), Contains("is empty"));
  CHECK_THAT(error_of([&] {
               crop(image, {5, 0, 6, 8});
             }),
             Contains("the box 6x8 at (5, 0) does not lie in the picture of 10x8"));
  CHECK_THAT(error_of([&] { crop_and_resize(image, {-1, 0, 6, 8}, 4, 4); }), Contains("does not lie"));
}

TEST_CASE("flip mirrors odd and even widths") {
  for (int width : {1, 4, 5}) {
    const Image image = pattern(width, 3);
    Image flipped = image;
    flip_horizontal(flipped);
    for (int y = 0; y < 3; ++y)
      for (int x = 0; x < width; ++x)
        CHECK(std::equal(image.row(y) + 3 * x, image.row(y) + 3 * x + 3, flipped.row(y) + 3 * (width - 1 - x)));
  }
}

TEST_CASE("decoding gives Pillow's pixels for every kind of file") {
  int cases = 0;
  for (GoldenReader g("images.bin"); g.more(); ++cases) {
    const std::string name = g.text();
    const Bytes file = g.block();
    const int width = g.number(), height = g.number();
    const std::uint8_t* wanted = g.take(std::size_t{3} * width * height);
    CAPTURE(name);
    const Image image = decode_image(file.data(), file.size(), name);
    REQUIRE(image.width == width);
    REQUIRE(image.height == height);
    CHECK(worst_difference(image, wanted) == 0);
  }
  CHECK(cases == 18);
}

TEST_CASE("a BMP stored from the top row down is the same picture") {
  const std::string name = GENERATE(as<std::string>{}, "bmp", "bmp palette", "bmp one bit", "bmp alpha");
  CAPTURE(name);
  const Bytes usual = golden_file(name);
  const auto number = [&](std::size_t at) {
    return std::int32_t(usual[at] | usual[at + 1] << 8 | usual[at + 2] << 16 | std::uint32_t{usual[at + 3]} << 24);
  };
  const int rows = number(22), first = number(10);
  REQUIRE(rows > 1);
  const int row = (number(18) * (usual[28] | usual[29] << 8) + 31) / 32 * 4;
  REQUIRE(usual.size() >= std::size_t(first) + std::size_t(row) * rows);
  Bytes turned = usual;
  for (int b = 0; b < 4; ++b) turned[22 + b] = static_cast<std::uint8_t>(static_cast<std::uint32_t>(-rows) >> 8 * b);
  for (int y = 0; y < rows; ++y)
    std::copy_n(usual.begin() + first + row * y, row, turned.begin() + first + row * (rows - 1 - y));
  const Image expected = decode_image(usual.data(), usual.size(), name),
              image = decode_image(turned.data(), turned.size(), name);
  REQUIRE(image.height == expected.height);
  CHECK(image.rgb == expected.rgb);
}

TEST_CASE("a picture cut short anywhere is refused, never painted over") {
  const std::string name =
      GENERATE(as<std::string>{}, "jpeg", "jpeg progressive", "jpeg cmyk", "png", "png palette", "bmp", "bmp one bit");
  const Bytes whole = golden_file(name);
  for (std::size_t n = 0; n < whole.size(); ++n) {
    // The last two bytes of a JPEG are its end marker, without which the picture is still complete; we refuse that too.
    CAPTURE(name, n, whole.size());
    CHECK(!decode_error(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n))).empty());
  }
}

TEST_CASE("every flipped byte gives a picture or an error, never a crash") {
  const std::string name = GENERATE(as<std::string>{}, "jpeg", "jpeg progressive", "png palette", "bmp palette");
  const Bytes whole = golden_file(name);
  int refused = 0;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    Bytes damaged = whole;
    damaged[i] ^= 0xff;
    refused += !decode_error(damaged, {1 << 20, 4096}).empty();
  }
  CHECK(refused > 0);
  if (name == "png palette") CHECK(refused == static_cast<int>(whole.size()));  // checksums see everything
}

TEST_CASE("errors of pictures name the file and the reason") {
  CHECK_THAT(decode_error({}), Contains("the file is empty (0 bytes)"));
  CHECK_THAT(decode_error({'G', 'I', 'F', '8', '9', 'a', 0}),
             Contains("it is a GIF picture") && Contains("JPEG, PNG, WebP and BMP are read"));
  const std::string html = "\n <!DOCTYPE html>", text = "hello\n";
  CHECK_THAT(decode_error(Bytes(html.begin(), html.end())), Contains("a web page"));
  CHECK_THAT(decode_error(Bytes(text.begin(), text.end())), Contains("plain text"));
  CHECK_THAT(decode_error({1, 2, 3, 200}), Contains("unknown format"));
  Bytes jpeg = golden_file("jpeg");
  CHECK_THAT(decode_error(jpeg, {100, 16384}), Contains("too large: 21x15 pixels, the limit is 100 in all"));
  CHECK_THAT(decode_error(jpeg, {100000, 20}), Contains("the limit is 20 per side"));
  jpeg.resize(jpeg.size() - 20);
  CHECK_THAT(decode_error(jpeg), Contains("truncated"));
  Bytes png = golden_file("png");
  png.resize(png.size() - 5);
  CHECK_THAT(decode_error(png), Contains("the PNG is truncated"));
  Bytes bmp = golden_file("bmp");
  bmp.pop_back();
  CHECK_THAT(decode_error(bmp), Contains("the BMP is truncated"));
  const TempFolder folder;
  CHECK_THAT(error_of([&] { decode_image_file(folder / "no.jpg"); }),
             Contains("no.jpg") && Contains("no such file or directory"));
  CHECK_THAT(error_of([&] { decode_image_file(folder.path()); }), Contains("it is a folder"));
}

TEST_CASE("a written PNG reads back") {
  const TempFolder folder;
  const Image image = pattern(33, 9);
  write_png(folder / "p.png", image);
  const Image back = decode_image_file(folder / "p.png");
  CHECK(back.width == 33);
  CHECK(back.rgb == image.rgb);
  CHECK_THAT(error_of([&] { write_png(folder / "q.png", Image{}); }), Contains("is empty"));
}
