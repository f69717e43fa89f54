#include <atomic>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <set>

#include "data/loader.h"
#include "data/views/crop_sampling.h"
#include "data/views/normalize.h"
#include "tests/data/made_dataset.h"
#include "tests/support/files.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;

namespace {

LoaderOptions options(int workers, OnBadImage on_bad = OnBadImage::Fail, double share = 0.001) {
  LoaderOptions o;
  o.size = 16;
  o.workers = workers;
  o.batches_ahead = 3;
  o.on_bad_image = on_bad;
  o.max_bad_fraction = share;
  return o;
}

std::string sampler_error(const Dataset& d, std::int64_t batch, std::int64_t k) {
  ErrorKind kind = ErrorKind::Internal;
  const std::string text = error_of([&] { PKSampler(d, {batch, k, 0, 0}); }, &kind);
  CHECK(kind == ErrorKind::Usage);
  return text;
}

}  // namespace

TEST_CASE("every batch has P classes of K images, classes and images are used evenly") {
  const Made d({10, 9, 8, 3, 1, 12, 8});
  const PKSampler sampler(d, {12, 4, 40, 3});
  CHECK(sampler.batches_per_epoch() == 40);
  std::map<std::int64_t, int> class_uses, image_uses, occurrences;
  for (const BatchRefs& batch : sampler.epoch(2)) {
    REQUIRE(batch.size() == 12);
    std::map<std::int64_t, std::multiset<std::int64_t>> groups;
    for (const SampleRef& s : batch) {
      groups[d.label(s.index)].insert(s.index);
      CHECK(s.occurrence == occurrences[s.index]++);
      ++image_uses[s.index];
    }
    REQUIRE(groups.size() == 3);
    for (const auto& [label, images] : groups) {
      ++class_uses[label];
      REQUIRE(images.size() == 4);
      const std::set<std::int64_t> distinct(images.begin(), images.end());
      CHECK(distinct.size() ==
            std::min<std::size_t>(4, d.by_class()[label].size()));  // all of a small class, then repeats
    }
  }
  for (const auto& [label, n] : class_uses) CHECK(std::abs(n - 40 * 3 / 7.0) <= 3);
  for (std::int64_t i = 0; i < 10; ++i) CHECK(std::abs(image_uses[i] - image_uses[0]) <= 2);
}

TEST_CASE("an epoch's order is a pure function of seed and epoch") {
  const Made d({6, 6, 6, 6});
  const PKSampler a(d, {8, 4, 0, 7}), b(d, {8, 4, 0, 7}), c(d, {8, 4, 0, 8});
  CHECK(a.batches_per_epoch() == 3);
  CHECK(a.order_hash(5) == b.order_hash(5));
  CHECK(a.order_hash(5) != a.order_hash(6));
  CHECK(a.order_hash(5) != c.order_hash(5));
  CHECK(PKSampler(Made({2, 2}), {8, 4, 0, 0}).batches_per_epoch() == 1);
}

TEST_CASE("small classes are repeated, or give what they have") {
  const Made d({2, 8, 3, 8});
  PKSamplerOptions options{.batch_size = 16, .images_per_class = 4, .batches_per_epoch = 5, .seed = 3};
  for (const BatchRefs& batch : PKSampler(d, options).epoch(0)) CHECK(batch.size() == 16);
  options.repeat_small_classes = false;
  for (const BatchRefs& batch : PKSampler(d, options).epoch(0)) {
    CHECK(batch.size() == 2 + 4 + 3 + 4);
    std::set<std::int64_t> different;
    for (const SampleRef& s : batch) different.insert(s.index);
    CHECK(different.size() == batch.size());
  }
}

TEST_CASE("without new options order and augmentation are those of earlier runs") {
  const Made d({10, 9, 8, 3, 1, 12, 8});
  CHECK(PKSampler(d, {12, 4, 40, 3}).order_hash(0) == 17670975615658211261ull);
  CHECK(PKSampler(d, {12, 4, 40, 3}).order_hash(2) == 10494074097373988610ull);
  const auto p = std::make_shared<Made>(std::vector<int>{7, 7, 7});
  const std::map<Augmentation, std::uint64_t> hashes = {{Augmentation::Modern, 13003853748361480349ull},
                                                        {Augmentation::Paper, 7491506089093100567ull},
                                                        {Augmentation::Shift, 8410391268911928415ull}};
  for (const auto& [augmentation, wanted] : hashes) {
    const MakeViews views = training_views(p, {train_preset(augmentation, 16), 1, 3});
    std::uint64_t h = 14695981039346656037ull;
    for (std::int64_t i = 0; i < 21; ++i)
      for (std::int64_t occurrence = 0; occurrence < 2; ++occurrence)
        for (const std::uint8_t byte : views({i, occurrence}).student.rgb) h = (h ^ byte) * 1099511628211ull;
    CHECK(h == wanted);
  }
}

TEST_CASE("the sampler's errors and warnings") {
  const Made d({6, 6, 6});
  CHECK_THAT(sampler_error(d, 30, 8), Contains("batch size 30 is not divisible by 8") && Contains("24 and 32"));
  CHECK_THAT(sampler_error(d, 4, 8), Contains("the nearest that are: 8"));
  CHECK_THAT(sampler_error(d, 32, 8), Contains("needs 4 classes, the data set has 3") && Contains("at most 24"));
  CHECK_THAT(sampler_error(d, 0, 8), Contains("must be positive"));
  CHECK(PKSampler(d, {6, 2, 0, 0}).warnings().empty());
  const PKSampler lone(Made({3, 1, 1}), {4, 2, 0, 0});
  REQUIRE(lone.warnings().size() == 1);
  CHECK_THAT(lone.warnings()[0], Contains("2 of 3 classes have one image only (class1, class2)"));
  CHECK_THAT(error_of([] { sequential_batches(5, 0); }), Contains("must be positive"));
  const auto plain = sequential_batches(5, 2);
  REQUIRE(plain.size() == 3);
  CHECK(plain[2].size() == 1);
  CHECK(plain[2][0].index == 4);
}

TEST_CASE("random crops keep their bounds and fall back as torchvision does") {
  TrainTransform t = train_preset(Augmentation::Modern, 16);
  Generator g(1);
  double area = 0;
  for (int i = 0; i < 2000; ++i) {
    const PixelBox b = sample_crop(t, 100, 80, g);
    REQUIRE((b.left >= 0 && b.top >= 0 && b.width > 0 && b.height > 0 && b.left + b.width <= 100 &&
             b.top + b.height <= 80));
    const double aspect = static_cast<double>(b.width) / b.height;
    CHECK((aspect > 0.70 && aspect < 1.43));
    area += b.width * b.height / 8000.0;
  }
  CHECK(area / 2000 == Approx(0.5).margin(0.06));
  const auto same = [](const PixelBox& b, int left, int top, int width, int height) {
    return b.left == left && b.top == top && b.width == width && b.height == height;
  };
  t.area_low = t.area_high = 1.0;  // a very long picture never holds a box of its whole area: the fallback
  CHECK(same(sample_crop(t, 300, 30, g), 130, 0, 40, 30));
  CHECK(same(sample_crop(t, 30, 300, g), 0, 130, 30, 40));
  t.sampling = CropSampling::Paper;
  CHECK(same(sample_crop(t, 300, 31, g), 134, 0, 31, 31));
  CHECK(same(sample_crop(t, 1, 1, g), 0, 0, 1, 1));
}

TEST_CASE("evaluation: short side, centre crop with Python's rounding, small pictures enlarged") {
  const Image wide = pattern(23, 16);
  const Image center = apply(EvalTransform{0, 16}, wide);
  CHECK(center.rgb == crop(wide, {4, 0, 16, 16}).rgb);  // 3.5 rounds to 4
  CHECK(apply(EvalTransform{0, 16}, pattern(21, 16)).rgb ==
        crop(pattern(21, 16), {2, 0, 16, 16}).rgb);  // 2.5 rounds to 2
  const Image big = pattern(50, 33);
  CHECK(apply(EvalTransform{20, 16}, big).rgb == crop(resize(big, 30, 20), {7, 2, 16, 16}).rgb);  // 20 * 50 / 33 = 30.3
  const Image small = apply(EvalTransform{0, 16}, pattern(8, 9));
  CHECK(small.width == 16);
  CHECK(small.rgb == crop(resize(pattern(8, 9), 16, 18), {0, 1, 16, 16}).rgb);
}

TEST_CASE("training transforms: pure functions of the generator; flip and shift do what they say") {
  const Image image = pattern(40, 30);
  for (const Augmentation augmentation :
       {Augmentation::Modern, Augmentation::Paper, Augmentation::Rkd, Augmentation::Shift, Augmentation::None}) {
    const TrainTransform t = train_preset(augmentation, 16);
    Generator a(5), b(5);
    const Image x = apply(t, image, a), y = apply(t, image, b);
    CHECK(x.width == 16);
    CHECK(x.height == 16);
    CHECK(x.rgb == y.rgb);
    CHECK(a.counter() == b.counter());
  }
  CHECK(train_preset(Augmentation::Paper, 224).resize_short == 256);
  CHECK(train_preset(Augmentation::Rkd, 224).area_low == 0.16);
  TrainTransform t = train_preset(Augmentation::None, 16);
  const Image square = pattern(16, 16);
  Generator g(9);
  CHECK(apply(t, square, g).rgb == square.rgb);
  t.flip = 1;
  Image flipped = square;
  flip_horizontal(flipped);
  CHECK(apply(t, square, g).rgb == flipped.rgb);
  t.flip = 0;
  t.pad_shift = 2;
  std::set<std::string> seen;
  const auto text_of = [](const Image& shown) { return std::string(shown.rgb.begin(), shown.rgb.end()); };
  for (int i = 0; i < 400; ++i) seen.insert(text_of(apply(t, square, g)));
  CHECK(seen.size() == 25);
  CHECK(seen.count(text_of(square)) == 1);
  Image corner{16, 16, std::vector<std::uint8_t>(768, 0)};  // moved by (2, 2)
  for (int y = 2; y < 16; ++y) std::copy(square.row(y - 2), square.row(y - 2) + 42, corner.row(y) + 6);
  CHECK(seen.count(text_of(corner)) == 1);
}

TEST_CASE("normalisation is (pixel / 255 - mean) / std, exactly") {
  std::vector<std::string> all = {"imagenet",
                                  "keras",
                                  "half",
                                  "0.48145466,0.4578275,0.40821073/0.26862954,0.2,0.27577711",
                                  "0,0,0/1,1e-30,1e30",
                                  "-3,7,1e-20/255,0.1,3"};
  for (int i = 0; i < 40; ++i)
    all.push_back("0." + std::to_string(101 + 7 * i) + ",0.3,0.25/0.2" + std::to_string(i) + ",0.0" +
                  std::to_string(i + 1) + ",1." + std::to_string(i));
  Image image = pattern(57, 29);  // no whole number of registers
  for (int v = 0; v < 256; ++v)
    for (int c = 0; c < 3; ++c) image.rgb[3 * v + c] = static_cast<std::uint8_t>(v);
  std::vector<float> out(image.rgb.size() + 1);
  for (const std::string& name : all) {
    const Normalization n = Normalization::named(name);
    out.back() = 5;
    normalize_to(image, n, out.data());
    int wrong = 0;
    for (std::size_t i = 0; i < image.rgb.size(); ++i)
      wrong += !(out[i] == (static_cast<float>(image.rgb[i]) / 255.0f - n.mean[i % 3]) / n.std[i % 3]);
    INFO(name);
    CHECK(wrong == 0);
    CHECK(out.back() == 5);
  }
  CHECK_THAT(error_of([] { Normalization::named("x"); }), Contains("unknown normalisation 'x'"));
}

TEST_CASE("batches are the same for 0, 1, 2 and 7 workers, with pictures replaced too") {
  const auto d = std::make_shared<Made>(std::vector<int>{7, 7, 7, 7}, std::set<std::int64_t>{3, 4, 20});
  const auto batches = PKSampler(*d, {8, 4, 12, 1}).epoch(3);
  std::vector<std::vector<float>> reference;
  std::vector<std::string> reference_bad;
  for (const int workers : {0, 1, 2, 7}) {
    Loader loader(d, batches, training_views(d, {train_preset(Augmentation::Modern, 16), 1, 3}),
                  options(workers, OnBadImage::Skip, 0.1));
    std::size_t count = 0;
    std::vector<std::string> bad;
    while (auto batch = loader.next()) {
      CHECK(batch->images.dims() == Dims{8, 3, 16, 16});
      CHECK(batch->images.is_channels_last());
      const std::vector<float> values = batch->images.to_vector<float>();
      if (workers == 0) reference.push_back(values);
      CHECK(values == reference[count]);
      for (std::size_t i = 0; i < 8; ++i) {
        const std::int64_t index = batch->samples[i].index;
        CHECK(batch->labels.data<std::int64_t>()[i] == d->label(batches[count][i].index));
        CHECK((index != 3 && index != 4 && index != 20));
        if (batches[count][i].index == 3) CHECK(index == 5);  // the next readable one of its class
      }
      for (const BadPicture& b : batch->bad) bad.push_back(b.reason);
      ++count;
    }
    CHECK(count == 12);
    CHECK_FALSE(loader.next());
    if (workers == 0) reference_bad = bad;
    CHECK(bad == reference_bad);
  }
  CHECK(std::set<std::string>(reference_bad.begin(), reference_bad.end()).size() == 3);
  // Another epoch augments differently.
  Loader other(d, batches, training_views(d, {train_preset(Augmentation::Modern, 16), 1, 4}),
               options(1, OnBadImage::Skip, 0.1));
  CHECK(other.next()->images.to_vector<float>() != reference[0]);
}

TEST_CASE("a worker's error reaches the caller, in order, and stays") {
  const int workers = GENERATE(0, 1, 3);
  const auto d = std::make_shared<Made>(std::vector<int>{20}, std::set<std::int64_t>{9, 13});
  Loader loader(d, sequential_batches(20, 4), evaluation_views(d, {0, 16}), options(workers));
  CHECK(loader.next());
  CHECK(loader.next());
  CHECK_THAT(error_of([&] { loader.next(); }), Contains("'pic9'"));
  CHECK_THAT(error_of([&] { loader.next(); }), Contains("'pic9'"));
}

TEST_CASE("bad pictures that are left out are rows of zeros, named by their batch, for any number of workers") {
  const auto d = std::make_shared<Made>(std::vector<int>{10}, std::set<std::int64_t>{0, 5, 6});
  const auto good = std::make_shared<Made>(std::vector<int>{10});
  for (const int workers : {0, 2}) {
    Loader loader(d, sequential_batches(10, 4), evaluation_views(d, {0, 16}), options(workers, OnBadImage::LeaveOut));
    Loader whole(good, sequential_batches(10, 4), evaluation_views(good, {0, 16}), options(workers));
    std::vector<std::int64_t> bad;
    while (const auto batch = loader.next()) {
      const auto wanted = whole.next();
      const std::vector<float> values = batch->images.to_vector<float>();
      std::vector<float> expected = wanted->images.to_vector<float>();
      const std::size_t row = expected.size() / batch->samples.size();
      for (const BadPicture& b : batch->bad) {
        CHECK(batch->samples[b.row].index == b.index);
        CHECK_THAT(b.reason, Contains("'pic" + std::to_string(b.index) + "'"));
        std::fill_n(expected.begin() + static_cast<std::ptrdiff_t>(b.row * row), row, 0.0f);
        bad.push_back(b.index);
      }
      CHECK(values == expected);
    }
    CHECK(bad == std::vector<std::int64_t>{0, 5, 6});
  }
}

TEST_CASE("a pass that goes on counts its bad pictures as a whole one does") {
  const auto d = std::make_shared<Made>(std::vector<int>{20}, std::set<std::int64_t>{1, 17});
  auto batches = sequential_batches(20, 4);
  batches.erase(batches.begin(), batches.begin() + 4);
  LoaderOptions rest = options(1, OnBadImage::Skip, 0.1);
  rest.pass_samples = 20;
  rest.known_bad = {"pic1"};
  CHECK(Loader(d, batches, evaluation_views(d, {0, 16}), rest).next()->bad.size() == 1);
  rest.max_bad_fraction = 0.05;
  CHECK_THAT(error_of([&] {
               Loader(d, batches, evaluation_views(d, {0, 16}), rest).next();
             }),
             Contains("2 unreadable pictures among 20"));
}

TEST_CASE("too many bad pictures stop a run that skips them") {
  const auto d = std::make_shared<Made>(std::vector<int>{20}, std::set<std::int64_t>{1, 9});
  Loader loader(d, sequential_batches(20, 4), evaluation_views(d, {0, 16}), options(2, OnBadImage::Skip, 0.05));
  CHECK(loader.next());
  CHECK(loader.next());
  CHECK_THAT(error_of([&] { loader.next(); }), Contains("2 unreadable pictures among 20") && Contains("'pic9'"));
  const auto all_bad = std::make_shared<Made>(std::vector<int>{2, 2}, std::set<std::int64_t>{0, 1});
  Loader stuck(all_bad, sequential_batches(4, 4), evaluation_views(all_bad, {0, 16}), options(1, OnBadImage::Skip, 1));
  CHECK_THAT(error_of([&] { stuck.next(); }), Contains("no other image of its class"));
}

TEST_CASE("the loader refuses nonsense, and stops at once when dropped") {
  const auto d = std::make_shared<Made>(std::vector<int>{2000});
  CHECK_THAT(error_of([&] {
               Loader(d, {{}}, evaluation_views(d, {0, 16}), options(1));
             }),
             Contains("a batch is empty"));
  CHECK_THAT(error_of([&] { Loader(d, {}, evaluation_views(d, {0, 16}), options(-1)); }), Contains("workers -1"));
  CHECK_THAT(error_of([&] {
               Loader(d, sequential_batches(2, 2), evaluation_views(d, {0, 8}), options(1)).next();
             }),
             Contains("8x8 instead of 16x16"));
  CHECK_FALSE(Loader(d, {}, evaluation_views(d, {0, 16}), options(2)).next());
  std::atomic<int> made{0};
  {
    Loader loader(
        d, sequential_batches(2000, 10),
        [&](const SampleRef&) {
          ++made;
          return Views{pattern(16, 16), {}};
        },
        options(2));
    CHECK(loader.next());
  }
  CHECK(made <= 10 * 4);  // never more than the batches ahead
}
