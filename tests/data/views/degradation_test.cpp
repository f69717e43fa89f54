#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <numbers>

#include "data/views/degradation.h"
#include "data/views/transforms.h"
#include "io/image/blur.h"
#include "tests/support/golden_reader.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;

namespace {

/// The same formula as smooth() in tests/golden/make_images.py.
Image smooth(int width, int height) {
  Image image{width, height, {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (const int v : {x * 255 / width, y * 255 / height, (x + y) * 255 / (width + height)})
        image.rgb.push_back(static_cast<std::uint8_t>(v));
  return image;
}

Image gray(int width, int height, const std::function<int(int x, int y)>& value) {
  Image image{width, height, {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) image.rgb.insert(image.rgb.end(), 3, static_cast<std::uint8_t>(value(x, y)));
  return image;
}

double mean_square_error(const Image& a, const Image& b) {
  REQUIRE(a.rgb.size() == b.rgb.size());
  double sum = 0;
  for (std::size_t i = 0; i < a.rgb.size(); ++i) sum += std::pow(double(a.rgb[i]) - double(b.rgb[i]), 2);
  return sum / static_cast<double>(a.rgb.size());
}

}  // namespace

TEST_CASE("degraded pictures are those of scipy and Pillow, byte for byte") {
  int cases = 0;
  for (GoldenReader g("degradation.bin"); g.more(); ++cases) {
    const std::string text = g.text();
    const bool is_smooth = g.number() == 1;
    const int width = g.number(), height = g.number();
    const Image made = apply(parse_degradation(text), is_smooth ? smooth(width, height) : pattern(width, height));
    CAPTURE(text, is_smooth, width, height);
    CHECK(made.width == width);
    CHECK(made.height == height);
    CHECK(std::equal(made.rgb.begin(), made.rgb.end(), g.take(made.rgb.size())));
  }
  CHECK(cases == 16);
}

TEST_CASE("blur: a point becomes the Gaussian, a constant stays, brightness stays at mirrored borders") {
  const double sigma = 2;
  const Image point = gray(41, 41, [](int x, int y) { return x == 20 && y == 20 ? 255 : 0; });
  const Image blurred = gaussian_blur(point, sigma);
  for (int y = 0; y < 41; ++y)
    for (int x = 0; x < 41; ++x) {
      const double r2 = (x - 20) * (x - 20) + (y - 20) * (y - 20);
      // The sum of the sampled, cut Gaussian is within 1e-3 of 1 here: 255 times its peak moves by less than 0.02.
      const double wanted = 255 * std::exp(-r2 / (2 * sigma * sigma)) / (2 * std::numbers::pi * sigma * sigma);
      CHECK(std::abs(blurred.row(y)[3 * x] - wanted) <= 0.52);
    }
  const Image flat = gray(7, 5, [](int, int) { return 131; });
  CHECK(gaussian_blur(flat, 30).rgb == flat.rgb);
  const Image edge = gaussian_blur(gray(8, 1, [](int x, int) { return x == 0 ? 200 : 0; }), 1);
  int sum = 0;
  for (int x = 0; x < 8; ++x) sum += edge.row(0)[3 * x];
  CHECK(std::abs(sum - 200) <= 4);  // nothing is lost at the border but rounding
  CHECK(edge.row(0)[0] > edge.row(0)[3]);
  CHECK_THAT(error_of([&] { gaussian_blur(flat, 0); }), Contains("must be above 0"));
  CHECK_THAT(error_of([&] { gaussian_blur(flat, std::nan("")); }), Contains("must be above 0"));
}

TEST_CASE("downsampling takes fine structure away and keeps coarse structure") {
  const Image checks = gray(32, 32, [](int x, int y) { return (x + y) % 2 * 255; });
  const Image halved = apply(Degradation{0, 2, 0}, checks);
  for (int y = 2; y < 30; ++y)
    for (int x = 2; x < 30; ++x) CHECK(std::abs(halved.row(y)[3 * x] - 127.5) <= 1.5);
  const Image ramp = gray(32, 32, [](int x, int) { return 8 * x; });
  const Image ramp_halved = apply(Degradation{0, 2, 0}, ramp);
  for (int x = 3; x < 29; ++x) CHECK(std::abs(ramp_halved.row(16)[3 * x] - 8 * x) <= 1);
  double before = 0;
  for (const double factor : {1.5, 2.0, 4.0, 8.0}) {
    const double error = mean_square_error(apply(Degradation{0, factor, 0}, smooth(33, 40)), smooth(33, 40));
    CHECK(error > before);
    before = error;
  }
  CHECK(apply(Degradation{0, 64, 0}, pattern(3, 2)).rgb.size() == 18);  // never below a pixel
}

TEST_CASE("JPEG: the lower the quality, the larger the error") {
  const Image image = smooth(48, 40);
  double before = 0;
  for (const int quality : {100, 90, 60, 30, 10, 1}) {
    const double error = mean_square_error(apply(Degradation{0, 1, quality}, image), image);
    CHECK(error > before);
    before = error;
  }
  CHECK(mean_square_error(apply(Degradation{0, 1, 100}, image), image) < 3);  // above 43 dB
  const std::vector<std::uint8_t> bytes = encode_jpeg(image, 80);
  CHECK(bytes[0] == 0xff);
  CHECK(bytes[1] == 0xd8);
  CHECK(encode_jpeg(image, 20).size() < bytes.size());
  CHECK(encode_jpeg(image, 80) == bytes);
  CHECK_THAT(error_of([&] { encode_jpeg(image, 0); }), Contains("quality 0") && Contains("between 1 and 100"));
  CHECK_THAT(error_of([&] { encode_jpeg(image, 101); }), Contains("quality 101"));
  CHECK_THAT(error_of([&] { encode_jpeg({}, 50); }), Contains("not empty"));
  const Image wide{70000, 1, std::vector<std::uint8_t>(210000)};
  ErrorKind kind = ErrorKind::Internal;
  CHECK_THAT(error_of([&] { encode_jpeg(wide, 50); }, &kind), Contains("cannot write a JPEG"));
  CHECK(kind == ErrorKind::Resource);
}

TEST_CASE("a degradation and its text") {
  CHECK_FALSE(parse_degradation("").any());
  CHECK_FALSE(parse_degradation("none").any());
  CHECK(parse_degradation("downsample=2,jpeg=30,blur=1.5") == Degradation{1.5, 2, 30});
  CHECK(to_string(Degradation{}).empty());
  for (const std::string text : {"blur=1.5,downsample=2,jpeg=30", "blur=0.1", "downsample=3.5", "jpeg=1", "jpeg=100"})
    CHECK(to_string(parse_degradation(text)) == text);
  CHECK(apply(Degradation{}, pattern(9, 8)).rgb == pattern(9, 8).rgb);
  const auto refused = [](const std::string& text) {
    ErrorKind kind = ErrorKind::Internal;
    const std::string message = error_of([&] { parse_degradation(text); }, &kind);
    CHECK(kind == ErrorKind::Usage);
    CHECK_THAT(message, Contains("degradation '" + text + "'"));
    return message;
  };
  CHECK_THAT(refused("blurr=1"), Contains("unknown part 'blurr'"));
  CHECK_THAT(refused("blur"), Contains("blur needs a value"));
  CHECK_THAT(refused("blur=1,"), Contains("unknown part ''"));
  CHECK_THAT(refused("blur=x"), Contains("not a number from 0 to 100"));
  CHECK_THAT(refused("blur=nan"), Contains("not a number from 0 to 100"));
  CHECK_THAT(refused("blur=1x"), Contains("not a number"));
  CHECK_THAT(refused("downsample=0.5"), Contains("from 1 to 64"));
  CHECK_THAT(refused("jpeg=0"), Contains("from 1 to 100"));
  CHECK_THAT(refused("jpeg=30.5"), Contains("not a whole number"));
  CHECK_THAT(refused("jpeg=30,jpeg=40"), Contains("twice"));
}

TEST_CASE("evaluation degrades the finished crop") {
  EvalTransform t{20, 16};
  const Image crop = apply(t, pattern(40, 30));
  t.degradation = parse_degradation("jpeg=20");
  CHECK(apply(t, pattern(40, 30)).rgb == apply(t.degradation, crop).rgb);
}
