// What student and teacher see of a sample.
#include "data/loader.h"
#include "data/views/boxes.h"

namespace fledge {
namespace {

/// Before any degradation.
Views random_views(const Dataset& dataset, const TrainingViews& views, std::int64_t i, Generator& g) {
  const ImageSource image = dataset.source(i);
  const std::optional<PixelBox> box =
      views.boxes == BoxUse::None ? std::nullopt : box_inside(dataset, i, image.width(), image.height());
  if (!box) return {apply(views.transform, image, g), {}};
  if (views.boxes == BoxUse::Both) return {apply(views.transform, image.cut(*box), g), {}};
  const ImageSource both = image.decoded();  // once for two parts
  TransformedPair pair = apply_to_both(views.transform, both, both.cut(*box), g);
  return {std::move(pair.first), std::move(pair.second)};
}

}  // namespace

CropKey crop_key(const SampleRef& sample, std::int64_t epoch, std::int64_t crops) {
  if (crops <= 0) return {epoch, sample.occurrence};
  return {(epoch + sample.occurrence) % crops, 0};
}

bool views_differ(const TrainingViews& views) { return views.boxes == BoxUse::Teacher || views.degradation.any(); }

MakeViews training_views(std::shared_ptr<Dataset> dataset, const TrainingViews& views) {
  return [dataset = std::move(dataset), views](const SampleRef& ref) {
    const CropKey key = crop_key(ref, views.epoch, views.crops);
    Generator g = Generator::of({views.seed, static_cast<std::uint64_t>(key.epoch),
                                 static_cast<std::uint64_t>(ref.index), static_cast<std::uint64_t>(key.occurrence)});
    Views out = random_views(*dataset, views, ref.index, g);
    if (!views.degradation.any()) return out;
    Image poor = apply(views.degradation, out.student);
    if (out.teacher.empty()) out.teacher = std::move(out.student);
    out.student = std::move(poor);
    return out;
  };
}

MakeViews evaluation_views(std::shared_ptr<Dataset> dataset, const EvalTransform& transform) {
  return [dataset = std::move(dataset), transform](const SampleRef& ref) {
    const ImageSource image = dataset->source(ref.index);
    const std::optional<PixelBox> box =
        transform.crop_box ? box_inside(*dataset, ref.index, image.width(), image.height()) : std::nullopt;
    return Views{apply(transform, box ? image.cut(*box) : image), {}};
  };
}

}  // namespace fledge
