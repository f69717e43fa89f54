// Kinds of pictures that were once refused or read turned: WebP, stray bytes, orientation; and what a picture may
// unfold to. Goldens: golden/make_more_images.py.
#include <zlib.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>

#include "io/image/image.h"
#include "io/image/resize.h"
#include "tests/io/image/made_pictures.h"
#include "tests/support/child.h"
#include "tests/support/golden_reader.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;

namespace {

std::string limit_error(const Bytes& bytes, const DecodeLimits& limits = {}) {
  return error_of([&] { decode_image(bytes.data(), bytes.size(), "p", limits); });
}

/// An RGB PNG of side x side pixels whose one IDAT unfolds to `unfolded` zeros.
Bytes square_png(std::uint32_t side, std::size_t unfolded) { return png_of(side, side, {8, 2, false}, unfolded); }

/// Largest resident memory, in KiB, of what runs.
template <class Work>
long growth_of(Work work) {
  std::ofstream("/proc/self/clear_refs") << "5";  // the peak begins anew
  const long before = status_kib("VmRSS:");
  work();
  return status_kib("VmHWM:") - before;
}

}  // namespace

TEST_CASE("WebP, stray bytes, rows from the top and orientations give Pillow's pixels", "[image]") {
  int cases = 0;
  for (GoldenReader g("more_images.bin"); g.more(); ++cases) {
    const std::string name = g.text();
    const ExifRotation exif = g.number() ? ExifRotation::Apply : ExifRotation::Ignore;
    const Bytes file = g.block();
    const int width = g.number(), height = g.number();
    const std::size_t size = std::size_t{3} * width * height;
    const std::uint8_t* wanted = g.take(size);
    CAPTURE(name);
    const Image image = decode_image(file.data(), file.size(), name, {}, exif);
    REQUIRE(image.width == width);
    REQUIRE(image.height == height);
    CHECK(std::equal(image.rgb.begin(), image.rgb.end(), wanted, wanted + size));
  }
  CHECK(cases > 40);
}

TEST_CASE("a WebP cut anywhere is refused", "[image]") {
  const Bytes golden = slurp(std::string(FLEDGE_SOURCE_DIR) + "/tests/golden/more_images.bin");
  const std::string magic = "RIFF";
  const auto begin = std::search(golden.begin(), golden.end(), magic.begin(), magic.end());
  REQUIRE(begin != golden.end());
  std::uint32_t riff;
  std::memcpy(&riff, &*(begin + 4), 4);
  const Bytes whole(begin, begin + 8 + riff);
  CHECK(limit_error(whole).empty());
  for (std::size_t n = 0; n < whole.size(); ++n) {
    CAPTURE(n);
    CHECK_FALSE(limit_error(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n))).empty());
  }
}

TEST_CASE("a PNG unfolds to what its header promises and no further", "[image]") {
  const Bytes bomb = square_png(8, std::size_t{1} << 28);  // 8 x 8 pixels, 256 MiB behind them
  int width = 0;
  const long grown = growth_of([&] { width = decode_image(bomb.data(), bomb.size(), "p").width; });
  CHECK(width == 8);
  CHECK(grown < 16 << 10);
  CHECK_THAT(limit_error(square_png(8, 8 * 25 - 1)), Contains("corrupt"));  // a byte short of its rows
}

TEST_CASE("what a picture takes is looked at before it is taken", "[image]") {
  const Bytes png = square_png(300, 300 * 901);
  CHECK(limit_error(png).empty());
  CHECK_THAT(limit_error(png, {.max_memory = 100000}), Contains("to decode") && Contains("--max-image-mb"));
  CHECK_THAT(limit_error(png, {.max_pixels = 80000}), Contains("--max-image-pixels"));
  CHECK_THAT(limit_error(png, {.max_side = 299}), Contains("--max-image-side"));
}

TEST_CASE("a part of a resized picture equals the whole resized and cut", "[image]") {
  const Image image = pattern(37, 23);
  for (const auto& [width, height] : {std::pair{61, 40}, {12, 9}, {37, 50}, {80, 23}, {37, 23}})
    for (const PixelBox& box : {PixelBox{0, 0, 5, 7}, PixelBox{3, 2, 9, 6}, PixelBox{width - 4, height - 3, 4, 3}}) {
      CAPTURE(width, height, box.left, box.top);
      const Image part = resize_and_crop(image, width, height, box), whole = crop(resize(image, width, height), box);
      CHECK(part.rgb == whole.rgb);
    }
}

namespace {

/// The chunk in front of IEND, which is the last 12 bytes.
Bytes with_chunk(const Bytes& png, const std::string& type, const Bytes& data) {
  Bytes out(png.begin(), png.end() - 12), body;
  for (const char c : type) body.push_back(static_cast<std::uint8_t>(c));
  for (const std::uint8_t b : data) body.push_back(b);
  big32(out, static_cast<std::uint32_t>(data.size()));
  for (const std::uint8_t b : body) out.push_back(b);
  big32(out, static_cast<std::uint32_t>(::crc32(0, body.data(), static_cast<uInt>(body.size()))));
  for (auto at = png.end() - 12; at != png.end(); ++at) out.push_back(*at);
  return out;
}

Bytes bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

Bytes packed(const std::string& text) {
  uLongf size = ::compressBound(static_cast<uLong>(text.size()));
  Bytes out(size);
  REQUIRE(::compress(out.data(), &size, reinterpret_cast<const Bytef*>(text.data()), static_cast<uLong>(text.size())) ==
          Z_OK);
  out.resize(size);
  return out;
}

Bytes joined(const Bytes& a, const Bytes& b) {
  Bytes all = a;
  all.insert(all.end(), b.begin(), b.end());
  return all;
}

}  // namespace

TEST_CASE("a PNG's orientation is found in text chunks too, as Pillow finds it", "[image]") {
  using namespace std::string_literals;
  // A TIFF structure with one entry: orientation 6.
  const std::string profile = "\nexif\n      26\n49492a00080000000100120103000100\n000006000000000000\n";
  const std::string damaged = "\nexif\n      26\n49492a000800000001001201xx\n";
  const std::string xmp = "<x:xmpmeta tiff:Orientation=\"6\"/>";
  const Bytes key = bytes_of("Raw profile type exif\0"s), xmp_key = bytes_of("XML:com.adobe.xmp\0"s);
  const auto width_with = [&](const std::string& type, const Bytes& data) {
    const Bytes png = with_chunk(png_of(24, 16, {8, 2, false}), type, data);
    return decode_image(png.data(), png.size(), "p", {}, ExifRotation::Apply).width;
  };
  CHECK(width_with("tEXt", joined(key, bytes_of(profile))) == 16);
  CHECK(width_with("zTXt", joined(joined(key, {0}), packed(profile))) == 16);
  CHECK(width_with("iTXt", joined(xmp_key, bytes_of("\0\0\0\0"s + xmp))) == 16);
  CHECK(width_with("iTXt", joined(joined(xmp_key, {1, 0, 0, 0}), packed(xmp))) == 16);
  CHECK(width_with("tEXt", joined(key, bytes_of(damaged))) == 24);
  CHECK(width_with("tEXt", joined(bytes_of("Comment\0"s), bytes_of(profile))) == 24);
  CHECK(width_with("zTXt", joined(joined(key, {0}), bytes_of("no zlib"))) == 24);
  CHECK(width_with("zTXt", joined(joined(key, {0}), packed(std::string(2 << 20, 'x')))) == 24);
}
