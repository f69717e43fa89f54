#include "train/loop/host_step.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "train/evaluation/equal_embeddings.h"
#include "train/loop/alarms.h"

namespace fledge {

static NotFiniteStep unsound_rows(const char* what, const Variable& rows) {
  const auto bad = rows.defined() ? first_unsound(rows.value()) : std::nullopt;
  return bad ? NotFiniteStep{what, bad->value, bad->index[0]} : NotFiniteStep{};
}

HostStep::HostStep(TrainingSetup& setup, const RunSpec& options, const Compute& compute)
    : s_(setup),
      o_(options),
      buffers_(*setup.model),
      undo_(options.policy.on_nan == OnNan::Skip),
      activations_(compute.activations) {}

StepResult HostStep::run(const Batch& batch, const StepPlace& place, const std::function<void()>& meanwhile) {
  if (undo_) buffers_.keep();
  StepResult result = look_and_update(batch, place, meanwhile);
  if (undo_ && result.not_finite) buffers_.put_back();
  return result;
}

StepResult HostStep::look_and_update(const Batch& batch, const StepPlace& place,
                                     const std::function<void()>& meanwhile) {
  StepResult result;
  const ModelOutput teacher = teacher_features(batch, place.epoch);
  if ((result.not_finite = unsound_rows("teacher's embedding", teacher.embedding))) return result;
  const StepInput input{batch.images.to(activations_), batch.labels, count_labeled(batch.labels), place.step};
  StepHooks hooks;
  hooks.may_go_back = [&](const StepLosses& losses) { return look_at(losses, result); };
  const StepLosses losses = forward_backward(s_, input, teacher, hooks);
  if (result.not_finite) return result;
  const Tensor norm = s_.optimizer->gradient_norm();
  result.grad_norm = norm.item();
  if (!std::isfinite(result.grad_norm)) {
    result.not_finite = {"gradient norm", result.grad_norm};
    return result;
  }
  s_.optimizer->step(place.lr, norm, o_.optim.clip_grad);
  remember(s_, losses, place.step);
  meanwhile();
  return result;
}

/// The numbers of a batch; whether all are finite.
bool HostStep::look_at(const StepLosses& losses, StepResult& result) {
  result.numbers = values_of(losses.numbers);
  for (const auto& numbers : losses.own) result.own.push_back(values_of(numbers));
  result.loss = losses.total.item();
  if (!std::isfinite(result.loss)) result.not_finite = {"loss", result.loss};
  // A loss may pass over rows that are NaN, and batch norm divides by an infinite variance without a trace.
  if (!result.not_finite) result.not_finite = unsound_rows("embedding", losses.student.embedding);
  if (!result.not_finite) result.not_finite = buffers_.first_unsound_buffer();
  if (result.not_finite) return false;
  if (!std::exchange(looked_at_teacher_, true) && losses.teacher.embedding.defined())
    result.teacher_spread = collapsed_spread(losses.teacher.embedding.value());
  result.rank = batch_rank(losses.student.embedding.value());
  return true;
}

/// What the teacher says of a batch: kept, or computed and then kept.
ModelOutput HostStep::teacher_features(const Batch& batch, std::int64_t epoch) {
  if (!s_.teacher) return {};
  const Tensor images = (batch.teacher_images.defined() ? batch.teacher_images : batch.images).to(activations_);
  if (!s_.cache) return s_.teacher->forward(images, s_.needs.teacher_stages);
  const std::vector<CropId> crops = crops_of(s_, batch, epoch, o_.views.crops);
  const TeacherCache::Kept kept = s_.cache->find(crops);
  ModelOutput features;
  features.embedding = Variable(kept.rows);
  if (kept.all) return features;
  const Tensor fresh = s_.teacher->forward(images, false).embedding.value().contiguous();
  s_.cache->add(crops, fresh);
  const auto d = static_cast<std::size_t>(fresh.dim(1));
  for (std::size_t i = 0; i < crops.size(); ++i)
    if (!kept.there[i]) std::copy_n(fresh.data<float>() + i * d, d, kept.rows.data<float>() + i * d);
  return features;
}

}  // namespace fledge
