// Views made of parts of files are those made of whole pictures.
#include <catch2/catch.hpp>

#include "data/loader.h"
#include "data/subset.h"
#include "tests/data/made_dataset.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;

namespace {

/// Two classes of JPEGs of many shapes, and a PNG.
struct JpegFolder {
  TempFolder folder;
  JpegFolder() {
    for (int i = 0; i < 12; ++i)
      spill(folder / (i % 2 ? "b/" : "a/") + std::to_string(i) + ".jpg",
            encode_jpeg(pattern(30 + 17 * i, 160 - 9 * i), 80));
    write_png(folder / "a/12.png", pattern(50, 40));
  }
  std::shared_ptr<Dataset> open() const { return open_dataset({folder.path(), ""}); }
};

/// The same pictures, with boxes.
class Boxed : public DatasetView {
 public:
  using DatasetView::DatasetView;
  std::optional<PixelBox> box(std::int64_t i) const override {
    if (i % 3 == 0) return std::nullopt;
    return PixelBox{static_cast<int>(i), 3, 25, 30 + static_cast<int>(i)};
  }
};

}  // namespace

TEST_CASE("views from files are those from whole pictures, kept or not", "[parts]") {
  const JpegFolder files;
  const auto boxed = std::make_shared<Boxed>(files.open());
  const std::vector<std::shared_ptr<Dataset>> sets = {boxed, cache_images(boxed, 1 << 20), cache_images(boxed, 40000)};
  const Augmentation augmentation =
      GENERATE(Augmentation::Modern, Augmentation::Paper, Augmentation::Rkd, Augmentation::Shift, Augmentation::None);
  const BoxUse boxes = GENERATE(BoxUse::None, BoxUse::Both, BoxUse::Teacher);
  TrainingViews v;
  v.transform = train_preset(augmentation, 24);
  v.boxes = boxes;
  int taught = 0;
  for (v.epoch = 0; v.epoch < 4; ++v.epoch)
    for (std::int64_t i = 0; i < boxed->size(); ++i) {
      Generator g = Generator::of({v.seed, static_cast<std::uint64_t>(v.epoch), static_cast<std::uint64_t>(i), 0});
      const Image whole = boxed->image(i);
      const auto box = boxed->box(i);
      TransformedPair wanted;
      if (boxes == BoxUse::None || !box)
        wanted.first = apply(v.transform, whole, g);
      else if (boxes == BoxUse::Both)
        wanted.first = apply(v.transform, crop(whole, *box), g);
      else
        wanted = apply_to_both(v.transform, whole, crop(whole, *box), g);
      for (const auto& set : sets) {
        const Views is = training_views(set, v)({i, 0});
        CHECK(is.student.rgb == wanted.first.rgb);
        CHECK(is.teacher.rgb == wanted.second.rgb);
        taught += !is.teacher.empty();
      }
    }
  CHECK((taught > 0) == (boxes == BoxUse::Teacher));
  EvalTransform t{28, 24};
  for (std::int64_t i = 0; i < boxed->size(); ++i)
    for (const auto& set : sets) CHECK(evaluation_views(set, t)({i, 0}).student.rgb == apply(t, boxed->image(i)).rgb);
}

TEST_CASE("a damaged file is a bad picture whatever its crop, also in a cache that is full", "[parts]") {
  const JpegFolder files;
  Bytes cut = slurp(files.folder / "a/4.jpg");
  cut.resize(cut.size() - 200);
  spill(files.folder / "a/4.jpg", cut);
  const auto d = files.open();
  std::int64_t bad = 0;
  while (d->name(bad) != "a/4.jpg") ++bad;
  TrainingViews v;
  v.transform = train_preset(Augmentation::Modern, 24);
  for (const auto& set : {d, cache_images(d, 100), cache_images(d, 1 << 20)})
    for (v.epoch = 0; v.epoch < 20; ++v.epoch)
      CHECK_THAT(error_of([&] { training_views(set, v)({bad, 0}); }), Contains("4.jpg") && Contains("truncated"));
}

TEST_CASE("what is decoded smaller does not depend on what is kept", "[parts]") {
  const JpegFolder files;
  const auto d = files.open();
  TrainingViews v;
  v.transform = train_preset(Augmentation::Modern, 24);
  const MakeViews exact = training_views(d, v);
  v.transform.fast_decode = true;
  const MakeViews plain = training_views(d, v), kept = training_views(cache_images(d, 1 << 20, 48), v);
  int other = 0;
  for (int round = 0; round < 2; ++round)
    for (std::int64_t i = 0; i < d->size(); ++i)
      for (std::int64_t occurrence = 0; occurrence < 8; ++occurrence) {
        const Image is = plain({i, occurrence}).student;
        CHECK(kept({i, occurrence}).student.rgb == is.rgb);
        other += is.rgb != exact({i, occurrence}).student.rgb;
      }
  CHECK(other > 20);
}
