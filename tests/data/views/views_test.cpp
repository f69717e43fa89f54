#include <catch2/catch.hpp>

#include "data/loader.h"
#include "data/views/normalize.h"
#include "tests/data/made_dataset.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;

namespace {

std::shared_ptr<Made> made() { return std::make_shared<Made>(std::vector<int>{7, 7, 7, 7}); }

TrainingViews modern(BoxUse boxes = BoxUse::None, const std::string& degradation = "") {
  TrainingViews v;
  v.transform = train_preset(Augmentation::Modern, 16);
  v.seed = 1;
  v.epoch = 3;
  v.boxes = boxes;
  v.degradation = parse_degradation(degradation);
  return v;
}

LoaderOptions options(int workers, bool teacher_view) {
  LoaderOptions o;
  o.size = 16;
  o.workers = workers;
  o.teacher_view = teacher_view;
  return o;
}

std::string text_of(const Image& image) { return std::string(image.rgb.begin(), image.rgb.end()); }

std::vector<float> normalized(const Image& image) {
  std::vector<float> out(image.rgb.size());
  normalize_to(image, {}, out.data());
  return out;
}

}  // namespace

TEST_CASE("a fixed number of crops takes turns over the uses of a picture") {
  const auto key = [](std::int64_t occurrence, std::int64_t epoch, std::int64_t crops) {
    const CropKey k = crop_key({5, occurrence}, epoch, crops);
    return std::pair(k.epoch, k.occurrence);
  };
  CHECK(key(2, 7, 0) == std::pair<std::int64_t, std::int64_t>(7, 2));
  CHECK(key(0, 7, 3) == std::pair<std::int64_t, std::int64_t>(1, 0));
  CHECK(key(2, 7, 3) == std::pair<std::int64_t, std::int64_t>(0, 0));
  const auto d = made();
  std::set<std::string> seen;
  TrainingViews v = modern();
  v.crops = 3;
  for (v.epoch = 0; v.epoch < 9; ++v.epoch)
    for (std::int64_t occurrence = 0; occurrence < 2; ++occurrence)
      seen.insert(text_of(training_views(d, v)({4, occurrence}).student));
  CHECK(seen.size() == 3);
  v.epoch = 3;
  const Image third = training_views(d, v)({4, 0}).student;
  v.epoch = 6;
  CHECK(training_views(d, v)({4, 0}).student.rgb == third.rgb);
}

TEST_CASE("the student's view is degraded, the teacher's is the undegraded one") {
  const auto d = made();
  const MakeViews plain = training_views(d, modern()), poor = training_views(d, modern(BoxUse::None, "downsample=4"));
  for (std::int64_t i = 0; i < d->size(); ++i) {
    const Views a = plain({i, 0}), b = poor({i, 0});
    CHECK(a.teacher.empty());
    CHECK(b.teacher.rgb == a.student.rgb);
    CHECK(b.student.rgb == apply(parse_degradation("downsample=4"), a.student).rgb);
    CHECK(b.student.rgb != b.teacher.rgb);
  }
  CHECK_FALSE(views_differ(modern()));
  CHECK_FALSE(views_differ(modern(BoxUse::Both)));
  CHECK(views_differ(modern(BoxUse::Teacher)));
  CHECK(views_differ(modern(BoxUse::None, "blur=1")));
}

TEST_CASE("boxes: both see the box, or the teacher alone") {
  const auto d = made(), cut = made();
  d->boxes = {{0, {3, 4, 10, 12}}, {1, {-5, 20, 100, 100}}, {3, {30, 3, 4, 4}}};
  const auto by_hand = [&](const Image& image, std::int64_t i) {
    Generator g = Generator::of({1, 3, static_cast<std::uint64_t>(i), 0});
    return apply(train_preset(Augmentation::Modern, 16), image, g);
  };
  const Image boxed = crop(d->image(0), {3, 4, 10, 12});
  const MakeViews none = training_views(d, modern()), both = training_views(d, modern(BoxUse::Both)),
                  teacher = training_views(d, modern(BoxUse::Teacher));
  CHECK(both({0, 0}).student.rgb == by_hand(boxed, 0).rgb);
  CHECK(both({0, 0}).teacher.empty());
  CHECK(both({1, 0}).student.rgb == by_hand(crop(d->image(1), {0, 20, 21, 4}), 1).rgb);  // cut to the picture
  CHECK(both({2, 0}).student.rgb == none({2, 0}).student.rgb);                           // no box
  CHECK(teacher({0, 0}).student.rgb == none({0, 0}).student.rgb);
  CHECK(teacher({2, 0}).teacher.empty());
  CHECK(none({3, 0}).student.width == 16);
  CHECK_THAT(error_of([&] { both({3, 0}); }), Contains("'pic3'") && Contains("lies outside the picture of 23x24"));
  ErrorKind kind = ErrorKind::Internal;
  error_of([&] { teacher({3, 0}); }, &kind);
  CHECK(kind == ErrorKind::BadInput);

  const Views degraded = training_views(d, modern(BoxUse::Teacher, "jpeg=20"))({0, 0});
  CHECK(degraded.teacher.rgb == teacher({0, 0}).teacher.rgb);
  CHECK(degraded.student.rgb == apply(parse_degradation("jpeg=20"), none({0, 0}).student).rgb);

  EvalTransform t{0, 8};
  t.crop_box = true;
  CHECK(evaluation_views(d, t)({0, 0}).student.rgb == apply(EvalTransform{0, 8}, boxed).rgb);
  CHECK(evaluation_views(d, t)({2, 0}).student.rgb == apply(EvalTransform{0, 8}, d->image(2)).rgb);
  t.degradation = parse_degradation("blur=1");
  CHECK(evaluation_views(d, t)({0, 0}).student.rgb == apply(t.degradation, apply(EvalTransform{0, 8}, boxed)).rgb);
}

TEST_CASE("two pictures under the same numbers: the same box when their sizes agree, always the same flip and shift") {
  // Brightness grows to the right: a flip shows. Sizes of which a crop needs different numbers of attempts.
  const auto ramp = [](int width, int height) {
    Image image{width, height, {}};
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x)
        image.rgb.insert(image.rgb.end(), 3, static_cast<std::uint8_t>(255 * x / (width - 1)));
    return image;
  };
  const auto flipped = [](const Image& image) { return image.row(8)[0] > image.row(8)[45]; };
  const TrainTransform t = train_preset(Augmentation::Modern, 16);
  int flips = 0, attempts_differ = 0;
  for (std::uint64_t i = 0; i < 300; ++i) {
    Generator a(i), b(i), c(i);
    const TransformedPair pair = apply_to_both(t, ramp(60, 40), ramp(20, 90), a);
    CHECK(pair.first.rgb == apply(t, ramp(60, 40), b).rgb);
    CHECK(a.counter() == b.counter());
    CHECK(flipped(pair.first) == flipped(pair.second));
    flips += flipped(pair.first);
    apply(t, ramp(20, 90), c);
    attempts_differ += c.counter() != b.counter();
    Generator e(i);
    const TransformedPair same = apply_to_both(t, ramp(60, 40), ramp(60, 40), e);
    CHECK(same.first.rgb == same.second.rgb);
  }
  CHECK(flips > 100);
  CHECK(flips < 200);
  CHECK(attempts_differ > 0);
  TrainTransform s = train_preset(Augmentation::Shift, 16);
  Generator g(4);
  for (int i = 0; i < 20; ++i) {
    const TransformedPair pair = apply_to_both(s, pattern(16, 16), pattern(16, 16), g);
    CHECK(pair.first.rgb == pair.second.rgb);
  }
}

TEST_CASE("batches of two views are the same for any number of workers") {
  const auto d = made();
  for (std::int64_t i = 0; i < d->size(); i += 2) d->boxes[i] = {2, 3, 12, 15};
  const TrainingViews v = modern(BoxUse::Teacher);
  const MakeViews views = training_views(d, v);
  const auto batches = PKSampler(*d, {8, 4, 6, 1}).epoch(3);
  for (const int workers : {0, 1, 2, 5}) {
    Loader loader(d, batches, views, options(workers, views_differ(v)));
    std::size_t count = 0;
    while (auto batch = loader.next()) {
      REQUIRE(batch->teacher_images.defined());
      CHECK(batch->teacher_images.dims() == batch->images.dims());
      CHECK(batch->teacher_images.is_channels_last());
      const float* student = batch->images.data<float>();
      const float* teacher = batch->teacher_images.data<float>();
      for (const SampleRef& ref : batches[count]) {
        const Views wanted = views(ref);
        const auto s = normalized(wanted.student),
                   t = normalized(wanted.teacher.empty() ? wanted.student : wanted.teacher);
        CHECK(wanted.teacher.empty() == (ref.index % 2 != 0));
        CHECK(std::equal(s.begin(), s.end(), student));
        CHECK(std::equal(t.begin(), t.end(), teacher));
        student += s.size();
        teacher += t.size();
      }
      ++count;
    }
    CHECK(count == 6);
  }
  Loader plain(d, batches, training_views(d, modern()), options(1, false));
  CHECK_FALSE(plain.next()->teacher_images.defined());
  Loader student_only(d, batches, training_views(d, modern(BoxUse::None, "jpeg=10")), options(1, false));
  const auto batch = student_only.next();  // training without a teacher on poor pictures
  CHECK_FALSE(batch->teacher_images.defined());
  const auto poor = normalized(training_views(d, modern(BoxUse::None, "jpeg=10"))(batches[0][0]).student);
  CHECK(std::equal(poor.begin(), poor.end(), batch->images.data<float>()));
}
