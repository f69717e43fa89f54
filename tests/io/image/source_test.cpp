// Parts of pictures: those of a file are exactly those of the whole, and a damaged file is found whichever part is
// asked for.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>

#include "io/image/resize.h"
#include "io/image/source.h"
#include "tensor/random.h"
#include "tests/io/image/made_pictures.h"
#include "tests/support/golden_reader.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;

namespace {

/// Brightness and colors with edges in every block, and noise.
Image photo(int width, int height, std::uint64_t seed) {
  Generator g(seed);
  Image image{width, height, {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c) {
        const int edge = ((x / (5 + c) + y / (7 - c)) % 3) * 60;
        image.rgb.push_back(static_cast<std::uint8_t>(edge + (x * (c + 1) + y * (3 - c)) / 4 % 70 + g.below(30)));
      }
  return image;
}

/// The file with a camera's note.
Bytes turned(const Bytes& jpeg, std::uint8_t orientation) {
  Bytes file = {jpeg[0], jpeg[1], 0xff, 0xe1, 0, 34, 'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, '*', 0, 0, 0, 8};
  file.insert(file.end(), {0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0});
  file.insert(file.end(), jpeg.begin() + 2, jpeg.end());
  return file;
}

PixelBox random_box(int width, int height, Generator& g) {
  const int w = 1 + static_cast<int>(g.below(width)), h = 1 + static_cast<int>(g.below(height));
  return {static_cast<int>(g.below(width - w + 1)), static_cast<int>(g.below(height - h + 1)), w, h};
}

/// Values of the box that the part has otherwise than the whole.
int wrong_values(const ImagePart& part, const PixelBox& box, const Image& whole) {
  int wrong = 0;
  for (int y = box.top; y < box.top + box.height; ++y) {
    const std::uint8_t *is = part.at(box.left, y), *wanted = whole.row(y) + 3 * box.left;
    for (int i = 0; i < 3 * box.width; ++i) wrong += is[i] != wanted[i];
  }
  return wrong;
}

struct PartsOf {
  int boxes = 0, wrong = 0;
  bool partly = false;  // was ever less than the whole decoded?
};

PartsOf compare_parts(const Bytes& file, const std::string& name, ExifRotation exif, int boxes, Generator& g) {
  const Image whole = decode_image(file.data(), file.size(), name, {}, exif);
  PartsOf found;
  std::atomic<bool> sound = false;
  const ImageSource reused = open_image(file, name, exif, &sound);
  REQUIRE(reused.width() == whole.width);
  REQUIRE(reused.height() == whole.height);
  for (; found.boxes < boxes; ++found.boxes) {
    const PixelBox box = random_box(whole.width, whole.height, g);
    const ImageSource source = found.boxes % 2 ? reused : open_image(file, name, exif, &sound);
    const ImagePart part = source.part(box);
    found.wrong += wrong_values(part, box, whole);
    found.partly |= part.pixels->width < whole.width && part.pixels->height < whole.height;
  }
  return found;
}

/// Nothing but slow waves, which a smaller picture shows as well.
Image waves(int width, int height) {
  Image image{width, height, {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c)
        image.rgb.push_back(
            static_cast<std::uint8_t>(128 + 60 * std::sin((x + 40 * c) / 30.0) + 60 * std::cos(y / 40.0)));
  return image;
}

double mean_difference(const Image& a, const Image& b) {
  REQUIRE(a.rgb.size() == b.rgb.size());
  double sum = 0;
  for (std::size_t i = 0; i < a.rgb.size(); ++i) sum += std::abs(int{a.rgb[i]} - int{b.rgb[i]});
  return sum / static_cast<double>(a.rgb.size());
}

}  // namespace

TEST_CASE("a part of a JPEG is exactly that of the whole, in every sampling", "[parts]") {
  Generator g(1);
  int partly = 0;
  for (const JpegKind& kind : {JpegKind{1, 1},
                               {2, 2},
                               {2, 1},
                               {1, 2},
                               {4, 1},
                               {4, 2},
                               {1, 4},
                               {1, 1, true},
                               {2, 2, true},
                               {2, 2, false, true},
                               {1, 1, true, true},
                               {2, 2, false, false, true},
                               {2, 2, false, false, false, 3},
                               {2, 1, false, false, false, 1},
                               {2, 2, false, false, false, 0, true}})
    for (const auto& [width, height] : std::vector<std::pair<int, int>>{
             {1, 1}, {2, 3}, {16, 16}, {17, 33}, {97, 61}, {130, 7}, {9, 200}, {64, 96}, {211, 140}, {129, 257}}) {
      CAPTURE(kind.across, kind.down, kind.grey, kind.progressive, kind.arithmetic, kind.restart, width, height);
      const Bytes file = jpeg_of(photo(width, height, 3), kind);
      const PartsOf found = compare_parts(file, "p", ExifRotation::Ignore, 120, g);
      CHECK(found.wrong == 0);
      const bool several = kind.progressive || kind.color_apart || kind.arithmetic;
      if (several) CHECK_FALSE(found.partly);
      if (!several && width > 90 && height > 60) CHECK(found.partly);
      partly += found.partly;
    }
  CHECK(partly > 40);
}

TEST_CASE("a part of any golden picture is that of the whole, turned as the camera was", "[parts]") {
  Generator g(2);
  int cases = 0;
  for (GoldenReader golden("more_images.bin"); golden.more(); ++cases) {
    const std::string name = golden.text();
    const ExifRotation exif = golden.number() ? ExifRotation::Apply : ExifRotation::Ignore;
    const Bytes file = golden.block();
    const int width = golden.number(), height = golden.number();
    golden.take(std::size_t{3} * width * height);
    CAPTURE(name);
    CHECK(compare_parts(file, name, exif, 20, g).wrong == 0);
  }
  CHECK(cases > 40);
}

TEST_CASE("a part of a turned JPEG is that of the whole", "[parts]") {
  Generator g(3);
  const Bytes plain = jpeg_of(photo(150, 100, 5), {2, 2});
  for (std::uint8_t orientation = 1; orientation <= 8; ++orientation) {
    const Bytes file = turned(plain, orientation);
    CAPTURE(int{orientation});
    CHECK(open_image(file, "p", ExifRotation::Apply).width() == (orientation >= 5 ? 100 : 150));
    const PartsOf found = compare_parts(file, "p", ExifRotation::Apply, 200, g);
    CHECK(found.wrong == 0);
    CHECK(found.partly);
  }
}

TEST_CASE("parts of real pictures are those of the whole", "[parts]") {
  const std::string folder = shared_folder("data/cars196");
  if (folder.empty()) return;
  Generator g(4);
  int files = 0, wrong = 0, partly = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".jpg") continue;
    const PartsOf found = compare_parts(slurp(entry.path().string()), "p", ExifRotation::Ignore, 2, g);
    ++files, wrong += found.wrong, partly += found.partly;
  }
  CHECK(files > 6000);
  CHECK(wrong == 0);
  CHECK(partly > 3000);
}

TEST_CASE("a damaged JPEG is refused whichever part is asked for, in the words for the whole", "[parts]") {
  const Bytes whole = jpeg_of(photo(64, 48, 7), {2, 2});
  const std::string which = GENERATE(as<std::string>{}, "cut", "changed");
  int refused = 0;
  for (std::size_t n = 0; n < whole.size(); ++n) {
    Bytes file = whole;
    if (which == "cut")
      file.resize(n);
    else
      file[n] ^= 0xff;
    const DecodeLimits limits{1 << 20, 4096};
    const std::string wanted = error_of([&] { decode_image(file.data(), file.size(), "p", limits); });
    CAPTURE(which, n, whole.size());
    for (const PixelBox& box : {PixelBox{0, 0, 5, 5}, {20, 20, 20, 12}, {50, 40, 14, 8}}) {
      const std::string is = error_of([&] {
        const ImageSource source = open_image(file, "p", ExifRotation::Ignore, nullptr, limits);
        if (box.left + box.width <= source.width() && box.top + box.height <= source.height())
          source.part(box);
        else
          source.whole();
      });
      CHECK(is == wanted);
    }
    refused += !wanted.empty();
  }
  CHECK(refused > 100);
}

TEST_CASE("a file that was read to its end once is not read behind the part again", "[parts]") {
  Bytes file = jpeg_of(photo(64, 96, 7), {2, 2});
  std::atomic<bool> sound = false;
  open_image(file, "p", ExifRotation::Ignore, &sound).part({0, 0, 10, 10});
  CHECK(sound);
  sound = false;
  file.resize(file.size() - 40);
  CHECK_THAT(error_of([&] {
               open_image(file, "p", ExifRotation::Ignore, &sound).part({0, 0, 10, 10});
             }),
             Contains("truncated"));
  CHECK_FALSE(sound);
  sound = true;
  CHECK(error_of([&] { open_image(file, "p", ExifRotation::Ignore, &sound).part({0, 0, 10, 10}); }).empty());
}

TEST_CASE("a crop of a source is that of its picture, mirrored or not", "[parts]") {
  Generator g(6);
  const Bytes file = jpeg_of(photo(210, 155, 9), {2, 2});
  const Image whole = decode_image(file.data(), file.size(), "p");
  const auto mirrored = [](Image image) {
    flip_horizontal(image);
    return image.rgb;
  };
  for (int i = 0; i < 60; ++i) {
    const PixelBox box = random_box(whole.width, whole.height, g), inside = random_box(box.width, box.height, g);
    const int width = 1 + static_cast<int>(g.below(i % 3 ? 60 : 300)), height = 1 + static_cast<int>(g.below(90));
    const PixelBox window = random_box(width, height, g);
    const auto source = [&] { return open_image(file, "p", ExifRotation::Ignore); };
    const Image cut = crop(whole, box), resized = resize(cut, width, height);
    CAPTURE(i, box.left, box.top, box.width, box.height, width, height);
    CHECK(crop_and_resize(source(), box, width, height).rgb == resized.rgb);
    CHECK(crop_and_resize(source(), box, width, height, true).rgb == mirrored(resized));
    CHECK(crop_and_resize(source(), box, box.width, height, true).rgb == mirrored(resize(cut, box.width, height)));
    CHECK(crop_and_resize(source(), box, width, box.height, true).rgb == mirrored(resize(cut, width, box.height)));
    CHECK(crop_and_resize(source(), box, box.width, box.height, true).rgb == mirrored(cut));
    CHECK(resize_and_crop(source().cut(box), width, height, window).rgb == crop(resized, window).rgb);
    CHECK(resize_and_crop(source().cut(box), width, height, window, true).rgb == mirrored(crop(resized, window)));
    CHECK(source().cut(box).cut(inside).whole().rgb == crop(cut, inside).rgb);
    CHECK(source().decoded().cut(box).whole().rgb == cut.rgb);
  }
  CHECK_THAT(error_of([&] { ImageSource::of(whole).cut({200, 0, 11, 4}); }), Contains("does not lie in the picture"));
}

TEST_CASE("a crop of a JPEG that is decoded smaller is nearly the exact one, in its place however it is turned",
          "[parts]") {
  Generator g(8);
  const Bytes plain = jpeg_of(waves(411, 293), {2, 2});
  int other = 0, same = 0;
  for (std::uint8_t orientation = 1; orientation <= 8; ++orientation)
    for (int i = 0; i < 60; ++i) {
      const Bytes file = turned(plain, orientation);
      const auto source = [&] { return open_image(file, "p", ExifRotation::Apply); };
      const PixelBox box = random_box(source().width(), source().height(), g);
      const int side = 8 + static_cast<int>(g.below(40));
      CAPTURE(int{orientation}, box.left, box.top, box.width, box.height, side);
      const Image exact = crop_and_resize(source(), box, side, side);
      const Image fast = crop_and_resize_shrunk(source(), box, side, side);
      const bool smaller = box.width >= 2 * side && box.height >= 2 * side;
      CHECK(mean_difference(exact, fast) < 1);
      if (!smaller) CHECK(fast.rgb == exact.rgb);
      (fast.rgb == exact.rgb ? same : other) += 1;
      Image mirrored = fast;
      flip_horizontal(mirrored);
      CHECK(crop_and_resize_shrunk(source(), box, side, side, true).rgb == mirrored.rgb);
      CHECK(crop_and_resize_shrunk(source().decoded(), box, side, side).rgb == exact.rgb);  // nothing to win any more
    }
  CHECK(other > 100);
  CHECK(same > 100);
  const Bytes several = jpeg_of(waves(411, 293), {2, 2, false, true});
  CHECK(crop_and_resize_shrunk(open_image(several, "p", ExifRotation::Ignore), {0, 0, 300, 200}, 20, 20).rgb ==
        crop_and_resize(open_image(several, "p", ExifRotation::Ignore), {0, 0, 300, 200}, 20, 20).rgb);
}

TEST_CASE("what is decoded smaller does not depend on the part", "[parts]") {
  Generator g(9);
  for (const JpegKind& kind : {JpegKind{1, 1}, {2, 2}, {2, 1}, {1, 2}, {4, 1}, {1, 1, true}}) {
    const Bytes file = jpeg_of(photo(203, 157, 4), kind);
    for (const int by : {2, 4, 8}) {
      const auto all = open_image(file, "p", ExifRotation::Ignore).shrunk({0, 0, 203, 157}, by);
      REQUIRE(all);
      CHECK(all->pixels->width == (203 + by - 1) / by);
      for (int i = 0; i < 60; ++i) {
        const PixelBox box = random_box(203, 157, g);
        CAPTURE(kind.across, kind.down, by, box.left, box.top, box.width, box.height);
        const auto part = open_image(file, "p", ExifRotation::Ignore).shrunk(box, by);
        REQUIRE(part);
        CHECK(part->pixels->rgb ==
              crop(*all->pixels, {box.left / by, box.top / by, part->pixels->width, part->pixels->height}).rgb);
      }
    }
  }
}
