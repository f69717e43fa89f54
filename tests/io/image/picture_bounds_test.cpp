// What one picture may cost, whatever it is: 1.1 times its file and 128 MiB, and a second of processor time. Each case
// is decoded, cut and resized as a network of 224 px wants it, in a child process that is measured. The second is that
// of a machine that takes 0.35 s for the largest plain JPEG; a slower one has as much more.
#include <sys/resource.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>

#include "io/image/image.h"
#include "io/image/resize.h"
#include "tests/io/hostile_watch.h"
#include "tests/io/image/made_pictures.h"
#include "tests/support/child.h"
#include "tests/support/sanitized.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;

namespace {

struct Cost {
  std::string word;  // "read WxH" or the refusal
  double seconds = 0;
  long kib = 0;
};

/// Reads the file, decodes it, resizes it to a short side of 256 and cuts 224 x 224 out of it.
Cost cost_of(const std::string& path) {
  const std::string report = watched(0, [&] {
    const long before = status_kib("VmRSS:");
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
    return std::to_string(seconds) + " " + std::to_string(status_kib("VmHWM:") - before) + " " + word;
  });
  Cost cost;
  char* end = nullptr;
  cost.seconds = std::strtod(report.c_str(), &end);
  cost.kib = std::strtol(end, &end, 10);
  cost.word = *end ? end + 1 : report;
  return cost;
}

/// Processor seconds that stand for one on the machine where the limits were chosen.
double a_second() {
  static const double seconds = [] {
    const TempFolder folder;
    spill(folder / "p", jpeg_of(6600, 6600, 0));
    double least = 1e9;
    for (int i = 0; i < 3; ++i) least = std::min(least, cost_of(folder / "p").seconds);
    return std::max(1.0, least / 0.35);
  }();
  return seconds;
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
  CHECK(cost.seconds <= a_second());
}

}  // namespace

TEST_CASE("JPEGs: the largest, and those of many scans, stay within their bounds", "[bounds]") {
  check_cost({"JPEG 6600x6600", jpeg_of(6600, 6600, 0), "read 6600x6600"});
  check_cost({"JPEG 8192x8192", jpeg_of(8192, 8192, 0), "too large"});
  check_cost({"JPEG 20 scans, 20 Mpixel", jpeg_of(4480, 4480, 20), "read 4480x4480"});
  check_cost({"JPEG 20 scans, 43 Mpixel", jpeg_of(6600, 6600, 20), "too large"});
  check_cost({"JPEG 190 scans, 4 Mpixel", jpeg_of(2048, 2048, 190), "progressive scans"});
  check_cost({"JPEG 190 scans, 1600x1600", jpeg_of(1600, 1600, 190), "progressive scans"});
  check_cost({"JPEG noise, 20 Mpixel", jpeg_of(4480, 4480, 0, true), "read 4480x4480"});
  check_cost({"JPEG noise, 43 Mpixel", jpeg_of(6600, 6600, 0, true), "take as long to decode as"});
  check_cost({"JPEG noise, progressive", jpeg_of(2900, 2900, 10, true), "read 2900x2900"});
  check_cost({"JPEG noise, progressive", jpeg_of(3600, 3600, 10, true), "take as long to decode as"});
  check_cost({"JPEG 16384x1", jpeg_of(16384, 1, 0), "read 16384x1"});
  check_cost({"JPEG 1x16384", jpeg_of(1, 16384, 20), "read 1x16384"});
}

TEST_CASE("PNGs: the largest, interlaced, deep and thin ones stay within their bounds", "[bounds]") {
  const std::string refused = " MiB, the limit is 128";
  check_cost({"PNG 5400x5400", png_of(5400, 5400, {8, 2, false}), "read 5400x5400"});
  check_cost({"PNG 5000x5000 interlaced", png_of(5000, 5000, {8, 2, true}), "read 5000x5000"});
  check_cost({"PNG 5600x5600", png_of(5600, 5600, {8, 2, false}), "take as long to decode as 134" + refused});
  check_cost({"PNG 3700x3700 64 bits", png_of(3700, 3700, {16, 6, false}), "read 3700x3700"});
  check_cost({"PNG 3300x3300 64 bits, interlaced", png_of(3300, 3300, {16, 6, true}), "read 3300x3300"});
  check_cost({"PNG 5000x5000 64 bits", png_of(5000, 5000, {16, 6, false}), "made of 190 MiB"});
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
  check_cost({"WebP noise", webp_of(3500, 3500, false, true), "read 3500x3500"});
  check_cost({"WebP noise, 25 Mpixel", webp_of(5000, 5000, false, true), "take as long to decode as"});
  check_cost({"WebP noise, lossless", webp_of(4300, 4300, true, true), "read 4300x4300"});
  check_cost({"WebP 16383x1", webp_of(16383, 1, true), "read 16383x1"});
  const std::string seeds = std::string(FLEDGE_SOURCE_DIR) + "/tests/fuzz/seeds/webp/";
  check_cost({"WebP animated", slurp(seeds + "animated.webp"), "animated"});
  const std::string gif = "GIF89a\xff\xff\xff\xff\xf7";
  check_cost({"GIF 65535x65535", Bytes(gif.begin(), gif.end()), "GIF"});
}
