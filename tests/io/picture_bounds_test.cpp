// What one picture may cost, whatever it is: 1.1 times its file and 128 MiB, and a second of processor time. Each case is
// decoded, cut and resized as a network of 224 px wants it, in a child process that is measured.
#include <sys/resource.h>
#include <zlib.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

// After <cstdio>: jpeglib.h uses FILE and size_t without including them.
#include <jpeglib.h>

#include <webp/encode.h>

#include "io/image/image.h"
#include "io/image/resize.h"
#include "tests/io/hostile_watch.h"
#include "tests/support/files.h"
#include "tests/support/sanitized.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;

namespace {

void big32(Bytes& out, std::uint32_t v) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(v >> shift));
}

void chunk(Bytes& png, const std::string& type, const Bytes& data) {
  big32(png, static_cast<std::uint32_t>(data.size()));
  Bytes body(type.begin(), type.end());
  body.insert(body.end(), data.begin(), data.end());
  png.insert(png.end(), body.begin(), body.end());
  big32(png, static_cast<std::uint32_t>(::crc32(0, body.data(), static_cast<uInt>(body.size()))));
}

/// Rows of a picture, or of each of the seven passes of an interlaced one, of zeros.
std::size_t filtered_bytes(std::size_t width, std::size_t height, std::size_t bits, bool interlaced) {
  if (!interlaced) return height * (1 + (width * bits + 7) / 8);
  constexpr std::size_t kPasses[7][4] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                                         {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
  std::size_t all = 0;
  for (const auto& [x, y, dx, dy] : kPasses) {
    const std::size_t columns = width > x ? (width - x + dx - 1) / dx : 0, rows = height > y ? (height - y + dy - 1) / dy : 0;
    if (columns > 0) all += rows * (1 + (columns * bits + 7) / 8);
  }
  return all;
}

struct PngKind {
  std::uint8_t depth, colour;  // as in IHDR: 2 is RGB, 3 palette, 6 RGBA
  bool interlaced;
};

Bytes png_of(std::uint32_t width, std::uint32_t height, const PngKind& kind) {
  const std::size_t samples = kind.colour == 2 ? 3 : kind.colour == 6 ? 4 : 1;
  std::size_t left = filtered_bytes(width, height, samples * kind.depth, kind.interlaced);
  Bytes png = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'}, header, packed;
  big32(header, width), big32(header, height);
  header.insert(header.end(), {kind.depth, kind.colour, 0, 0, std::uint8_t{kind.interlaced}});
  chunk(png, "IHDR", header);
  if (kind.colour == 3) chunk(png, "PLTE", Bytes(6, 200));
  z_stream z{};
  REQUIRE(::deflateInit(&z, 1) == Z_OK);
  Bytes zeros(1 << 16), out(1 << 16);
  for (bool more = true; more;) {
    const std::size_t piece = std::min(left, zeros.size());
    left -= piece, more = left > 0;
    z.next_in = zeros.data(), z.avail_in = static_cast<uInt>(piece);
    do {
      z.next_out = out.data(), z.avail_out = static_cast<uInt>(out.size());
      ::deflate(&z, more ? Z_NO_FLUSH : Z_FINISH);
      packed.insert(packed.end(), out.begin(), out.end() - z.avail_out);
    } while (z.avail_out == 0);
  }
  ::deflateEnd(&z);
  chunk(png, "IDAT", packed);
  chunk(png, "IEND", {});
  return png;
}

/// Every coefficient in scans of its own, bit by bit: the most scans that the format allows for `scans`.
std::vector<jpeg_scan_info> many_scans(int scans) {
  std::vector<jpeg_scan_info> list;
  const auto add = [&](int component, int from, int to, int high, int low) {
    jpeg_scan_info s{};
    s.comps_in_scan = component < 0 ? 3 : 1;
    for (int c = 0; c < s.comps_in_scan; ++c) s.component_index[c] = component < 0 ? c : component;
    s.Ss = from, s.Se = to, s.Ah = high, s.Al = low;
    list.push_back(s);
  };
  add(-1, 0, 0, 0, 0);
  for (int k = 1; k < 64 && static_cast<int>(list.size()) < scans; ++k)
    for (int c = 0; c < 3 && static_cast<int>(list.size()) < scans; ++c) add(c, k, k, 0, 0);
  return list;
}

/// scans 0: baseline.
Bytes jpeg_of(int width, int height, int scans) {
  jpeg_compress_struct c{};
  jpeg_error_mgr errors{};
  c.err = jpeg_std_error(&errors);
  jpeg_create_compress(&c);
  unsigned char* out = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&c, &out, &size);
  c.image_width = static_cast<JDIMENSION>(width), c.image_height = static_cast<JDIMENSION>(height);
  c.input_components = 3, c.in_color_space = JCS_RGB;
  jpeg_set_defaults(&c);
  jpeg_set_quality(&c, 50, TRUE);
  const auto list = many_scans(scans);
  if (scans > 0) c.scan_info = list.data(), c.num_scans = static_cast<int>(list.size());
  jpeg_start_compress(&c, TRUE);
  Bytes row(static_cast<std::size_t>(width) * 3);
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = static_cast<std::uint8_t>(i * 37 >> 3);
  JSAMPROW rows[] = {row.data()};
  while (c.next_scanline < c.image_height) jpeg_write_scanlines(&c, rows, 1);
  jpeg_finish_compress(&c);
  jpeg_destroy_compress(&c);
  Bytes bytes(out, out + size);
  std::free(out);
  return bytes;
}

/// Of one bit a pixel, so that the file is small.
Bytes bmp_of(std::int32_t width, std::int32_t height, std::uint32_t compression = 0) {
  const std::size_t row = (static_cast<std::size_t>(width) + 31) / 32 * 4;
  Bytes b(62 + row * static_cast<std::size_t>(std::abs(height)));
  const auto put = [&](std::size_t at, std::uint32_t v) { std::memcpy(b.data() + at, &v, 4); };
  b[0] = 'B', b[1] = 'M';
  put(2, static_cast<std::uint32_t>(b.size())), put(10, 62), put(14, 40);
  put(18, static_cast<std::uint32_t>(width)), put(22, static_cast<std::uint32_t>(height));
  b[26] = 1, b[28] = 1;
  put(30, compression), put(46, 2), put(58, 0x00ffffff);
  return b;
}

Bytes webp_of(int width, int height, bool lossless) {
  const Bytes pixels(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3, 90);
  std::uint8_t* out = nullptr;
  const std::size_t size = lossless ? WebPEncodeLosslessRGB(pixels.data(), width, height, width * 3, &out)
                                    : WebPEncodeRGB(pixels.data(), width, height, width * 3, 5, &out);
  REQUIRE(size > 0);
  Bytes bytes(out, out + size);
  WebPFree(out);
  return bytes;
}

long kib(const char* key) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.rfind(key, 0) == 0) return std::atol(line.c_str() + std::strlen(key));
  return 0;
}

struct Cost {
  std::string word;  // "read WxH" or the refusal
  double seconds = 0;
  long kib = 0;
};

/// Reads the file, decodes it, resizes it to a short side of 256 and cuts 224 x 224 out of it.
Cost cost_of(const std::string& path) {
  const std::string report = watched(0, [&] {
    const long before = kib("VmRSS:");
    std::string word;
    try {
      const Image image = decode_image_file(path, ExifRotation::Apply);
      const double scale = 256.0 / std::min(image.width, image.height);
      const int width = std::max(256, static_cast<int>(image.width * scale)),
                height = std::max(256, static_cast<int>(image.height * scale));
      const Image cut = resize_and_crop(image, width, height, {(width - 224) / 2, (height - 224) / 2, 224, 224});
      word = "read " + std::to_string(image.width) + "x" + std::to_string(image.height) + (cut.empty() ? "?" : "");
    } catch (const Error& e) {
      word = e.what();
    }
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const double seconds = static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                           1e-6 * static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
    return std::to_string(seconds) + " " + std::to_string(kib("VmHWM:") - before) + " " + word;
  });
  Cost cost;
  char* end = nullptr;
  cost.seconds = std::strtod(report.c_str(), &end);
  cost.kib = std::strtol(end, &end, 10);
  cost.word = *end ? end + 1 : report;
  return cost;
}

struct Hostile {
  std::string name;
  Bytes bytes;
  std::string word;  // of the outcome
};

void check_cost(const Hostile& h) {
  const TempFolder folder;
  const std::string path = folder / "p";
  spill(path, h.bytes);
  const Cost cost = cost_of(path);
  const double mib = static_cast<double>(cost.kib) / 1024, file = static_cast<double>(h.bytes.size()) / (1 << 20);
  std::printf("%-28s %9zu bytes  %6.3f s  %6.1f MiB  %.60s\n", h.name.c_str(), h.bytes.size(), cost.seconds, mib,
              cost.word.c_str());
  INFO(h.name << ": " << cost.word);
  CHECK_THAT(cost.word, Contains(h.word));
  if (kSanitized) return;
  CHECK(mib <= 1.1 * file + 128);
  CHECK(cost.seconds <= 1);
}

}  // namespace

TEST_CASE("JPEGs: the largest, and those of many scans, stay within their bounds", "[bounds]") {
  check_cost({"JPEG 6600x6600", jpeg_of(6600, 6600, 0), "read 6600x6600"});
  check_cost({"JPEG 8192x8192", jpeg_of(8192, 8192, 0), "too large"});
  check_cost({"JPEG 20 scans, 20 Mpixel", jpeg_of(4480, 4480, 20), "read 4480x4480"});
  check_cost({"JPEG 20 scans, 43 Mpixel", jpeg_of(6600, 6600, 20), "too large"});
  check_cost({"JPEG 190 scans, 4 Mpixel", jpeg_of(2048, 2048, 190), "progressive scans"});
  check_cost({"JPEG 190 scans, 1600x1600", jpeg_of(1600, 1600, 190), "progressive scans"});
  check_cost({"JPEG 16384x1", jpeg_of(16384, 1, 0), "read 16384x1"});
  check_cost({"JPEG 1x16384", jpeg_of(1, 16384, 20), "read 1x16384"});
}

TEST_CASE("PNGs: the largest, interlaced, deep and thin ones stay within their bounds", "[bounds]") {
  check_cost({"PNG 6600x6600", png_of(6600, 6600, {8, 2, false}), "read 6600x6600"});
  check_cost({"PNG 6600x6600 interlaced", png_of(6600, 6600, {8, 2, true}), "read 6600x6600"});
  check_cost({"PNG 6600x6600 64 bits", png_of(6600, 6600, {16, 6, true}), "read 6600x6600"});
  check_cost({"PNG 6600x6600 1 bit", png_of(6600, 6600, {1, 3, true}), "read 6600x6600"});
  check_cost({"PNG 8192x8192 1 bit", png_of(8192, 8192, {1, 3, false}), "too large"});
  check_cost({"PNG 16384x1", png_of(16384, 1, {8, 2, true}), "read 16384x1"});
  check_cost({"PNG 1x16384", png_of(1, 16384, {8, 2, true}), "read 1x16384"});
}

TEST_CASE("BMP, WebP and animations stay within their bounds", "[bounds]") {
  check_cost({"BMP 4700x4700 1 bit", bmp_of(4700, 4700), "read 4700x4700"});
  check_cost({"BMP 4700x-4700 1 bit", bmp_of(4700, -4700), "read 4700x4700"});
  check_cost({"BMP 8000x8000 1 bit", bmp_of(8000, 8000), "too large"});
  check_cost({"BMP RLE", bmp_of(64, 64, 1), "compressed"});
  check_cost({"BMP 16384x1", bmp_of(16384, 1), "read 16384x1"});
  check_cost({"WebP 4300x4300 lossless", webp_of(4300, 4300, true), "read 4300x4300"});
  check_cost({"WebP 4300x4300", webp_of(4300, 4300, false), "read 4300x4300"});
  check_cost({"WebP 16383x1", webp_of(16383, 1, true), "read 16383x1"});
  const std::string seeds = std::string(FLEDGE_SOURCE_DIR) + "/tests/fuzz/seeds/webp/";
  check_cost({"WebP animated", slurp(seeds + "animated.webp"), "animated"});
  const std::string gif = "GIF89a\xff\xff\xff\xff\xf7";
  check_cost({"GIF 65535x65535", Bytes(gif.begin(), gif.end()), "GIF"});
}
