#include "apps/common/training_step.h"

#include "autograd/ops/eltwise.h"
#include "autograd/ops/shape.h"

namespace fledge {
namespace {

/// What the teacher says of a batch: kept, or computed and then kept.
Features teacher_features(TrainingSetup& s, const TrainOptions& o, const Batch& batch, std::int64_t epoch) {
  if (!s.teacher) return {};
  const Tensor& images = batch.teacher_images.defined() ? batch.teacher_images : batch.images;
  if (!s.cache) return s.teacher->forward(images);
  std::vector<CropId> crops;
  for (const SampleRef& sample : batch.samples) {
    const CropKey key = crop_key(sample, epoch, o.crops);
    crops.push_back({sample.index, key.epoch, key.occurrence});
  }
  Features kept;
  if (const Tensor rows = s.cache->find(crops); rows.defined()) {
    kept.embedding = Variable(rows);
    return kept;
  }
  Features fresh = s.teacher->forward(images);
  s.cache->add(crops, fresh.embedding.value());
  return fresh;
}

Features first_rows(const Features& all, std::int64_t rows) {
  const auto cut = [rows](const Variable& v) { return v.defined() ? slice(v, 0, 0, rows) : v; };
  Features part;
  part.embedding = cut(all.embedding);
  part.pooled = cut(all.pooled);
  part.logits = cut(all.logits);
  for (const Variable& stage : all.stages) part.stages.push_back(cut(stage));
  return part;
}

/// The pictures without a label are the last ones of a batch.
std::int64_t count_labelled(const Tensor& labels) {
  const std::int64_t* y = labels.data<std::int64_t>();
  std::int64_t rows = 0;
  while (rows < labels.dim(0) && y[rows] >= 0) ++rows;
  return rows;
}

LossInput input_of(const Loss& loss, const TrainingSetup& s, const StepLosses& l, std::int64_t step) {
  const bool labels = loss.needs().labels;
  return {labels ? l.labelled : l.student, l.labels, s.teacher ? (labels ? &l.labelled_teacher : &l.teacher) : nullptr,
          step};
}

}  // namespace

StepLosses compute_losses(TrainingSetup& s, const TrainOptions& o, const Batch& batch, std::int64_t epoch,
                          std::int64_t step) {
  StepLosses l;
  l.teacher = teacher_features(s, o, batch, epoch);
  l.student = s.model->forward(Variable(batch.images), {.stages = s.needs.student_stages});
  const std::int64_t labelled = count_labelled(batch.labels);
  const bool all = labelled == batch.labels.dim(0);
  l.labelled = all ? l.student : first_rows(l.student, labelled);
  l.labelled_teacher = all || !s.teacher ? l.teacher : first_rows(l.teacher, labelled);
  l.labels = all ? batch.labels : batch.labels.slice(0, 0, labelled);
  for (const auto& [loss, weight] : s.losses) {
    LossOutput out = loss->forward(input_of(*loss, s, l, step));
    l.numbers.emplace_back(loss->name(), out.value.item());
    for (const auto& [name, value] : out.numbers) l.numbers.emplace_back(std::string(loss->name()) + "." + name, value);
    l.own.push_back(std::move(out.numbers));
    const Variable weighted = affine(out.value, weight, 0);
    l.total = l.total.defined() ? add(l.total, weighted) : weighted;
  }
  l.numbers.emplace_back("loss", l.total.item());
  return l;
}

void remember(TrainingSetup& s, const StepLosses& l, std::int64_t step) {
  for (const auto& weighted : s.losses) weighted.loss->after_step(input_of(*weighted.loss, s, l, step));
}

}  // namespace fledge
