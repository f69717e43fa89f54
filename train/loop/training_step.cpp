#include "train/loop/training_step.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "autograd/ops/device.h"
#include "autograd/ops/eltwise.h"
#include "autograd/ops/shape.h"
#include "nn/losses/collapse.h"
#include "nn/state_dict.h"
#include "train/evaluation/equal_embeddings.h"
#include "train/loop/device_step.h"

namespace fledge {
namespace {

Features each_of(const Features& all, const std::function<Variable(const Variable&)>& f) {
  const auto apply = [&](const Variable& v) { return v.defined() ? f(v) : v; };
  Features part;
  part.embedding = apply(all.embedding);
  part.pooled = apply(all.pooled);
  part.logits = apply(all.logits);
  for (const Variable& stage : all.stages) part.stages.push_back(apply(stage));
  return part;
}

Features first_rows(const Features& all, std::int64_t rows) {
  return each_of(all, [rows](const Variable& v) { return slice(v, 0, 0, rows); });
}

/// On the host, with the way back for gradients.
Features on_host(const Features& all) {
  return each_of(all, [](const Variable& v) { return to_device(v, Device{}); });
}

/// The same features on the host, made when the first loss wants them.
struct HostFeatures {
  bool made = false;
  Features student, teacher, labelled, labelled_teacher;
  Tensor labels;

  void make(const TrainingSetup& s, const StepLosses& l, std::int64_t rows) {
    if (made) return;
    made = true;
    student = on_host(l.student);
    const bool all = rows == student.embedding.dim(0);
    labelled = all ? student : first_rows(student, rows);
    if (s.teacher) {
      teacher = on_host(l.teacher);
      labelled_teacher = all ? teacher : first_rows(teacher, rows);
    }
    labels = l.labels.to(Device{});
  }
};

/// l: StepLosses, or HostFeatures for a loss that gets its features through the host.
template <class StepFeatures>
LossInput input_of(const Loss& loss, const TrainingSetup& s, const StepFeatures& l, std::int64_t step) {
  const bool labels = loss.needs().labels;
  return {labels ? l.labelled : l.student, l.labels, s.teacher ? (labels ? &l.labelled_teacher : &l.teacher) : nullptr,
          step};
}

/// Step by step on the CPU: nothing is updated before its numbers have been looked at.
class HostStep : public StepRunner {
 public:
  HostStep(TrainingSetup& setup, const RunSpec& options)
      : s_(setup), o_(options), buffers_(*setup.model), undo_(options.policy.on_nan == OnNan::Skip) {}

  StepResult run(const Batch& batch, const StepPlace& place, const std::function<void()>& meanwhile) override {
    if (undo_) buffers_.keep();
    StepResult result = look_and_update(batch, place, meanwhile);
    if (undo_ && result.not_finite) buffers_.put_back();
    return result;
  }

 private:
  StepResult look_and_update(const Batch& batch, const StepPlace& place, const std::function<void()>& meanwhile) {
    StepResult result;
    const Features teacher = teacher_features(batch, place.epoch);
    if ((result.not_finite = unsound_rows("teacher's embedding", teacher.embedding))) return result;
    const Features student = s_.model->forward(Variable(batch.images), {.stages = s_.needs.student_stages});
    const StepLosses losses = losses_of(s_, student, teacher, batch.labels, count_labelled(batch.labels), place.step);
    result.numbers = values_of(losses.numbers);
    for (const auto& numbers : losses.own) result.own.push_back(values_of(numbers));
    result.loss = losses.total.item();
    if (!std::isfinite(result.loss)) result.not_finite = {"loss", result.loss};
    // A loss may pass over rows that are NaN, and batch norm divides by an infinite variance without a trace.
    if (!result.not_finite) result.not_finite = unsound_rows("embedding", losses.student.embedding);
    if (!result.not_finite) result.not_finite = buffers_.first_unsound_buffer();
    if (result.not_finite) return result;
    if (!std::exchange(looked_at_teacher_, true) && teacher.embedding.defined())
      result.teacher_spread = collapsed_spread(teacher.embedding.value());
    result.rank = batch_rank(losses.student.embedding.value());
    s_.optimizer->zero_grad();
    losses.total.backward();
    result.grad_norm = clip_grad_norm(s_.optimizer->groups(), o_.optim.clip_grad);
    if (!std::isfinite(result.grad_norm)) {
      result.not_finite = {"gradient norm", result.grad_norm};
      return result;
    }
    s_.optimizer->step(place.lr);
    remember(s_, losses, place.step);
    meanwhile();
    return result;
  }

  static NotFiniteStep unsound_rows(const char* what, const Variable& rows) {
    const auto bad = rows.defined() ? first_unsound(rows.value()) : std::nullopt;
    return bad ? NotFiniteStep{what, bad->value, bad->index[0]} : NotFiniteStep{};
  }

  /// What the teacher says of a batch: kept, or computed and then kept.
  Features teacher_features(const Batch& batch, std::int64_t epoch) {
    if (!s_.teacher) return {};
    const Tensor& images = batch.teacher_images.defined() ? batch.teacher_images : batch.images;
    if (!s_.cache) return s_.teacher->forward(images);
    const std::vector<CropId> crops = crops_of(s_, batch, epoch, o_.views.crops);
    const TeacherCache::Kept kept = s_.cache->find(crops);
    Features features;
    features.embedding = Variable(kept.rows);
    if (kept.all) return features;
    const Tensor fresh = s_.teacher->forward(images).embedding.value().contiguous();
    s_.cache->add(crops, fresh);
    const auto d = static_cast<std::size_t>(fresh.dim(1));
    for (std::size_t i = 0; i < crops.size(); ++i)
      if (!kept.there[i]) std::copy_n(fresh.data<float>() + i * d, d, kept.rows.data<float>() + i * d);
    return features;
  }

  TrainingSetup& s_;
  const RunSpec& o_;
  KeptBuffers buffers_;
  const bool undo_;
  bool looked_at_teacher_ = false;
};

}  // namespace

/// What the teacher sees of a picture before it is cropped: the file's bytes, turned or not, cut to its box or not.
static Content seen_by_teacher(const TrainingSetup& s, std::int64_t i) {
  const Content file = s.train_contents->of(i);
  if (!file.known()) return file;
  std::uint64_t parts[8] = {file.high, file.low, s.train->file(i).upright};
  if (const auto box = s.train->box(i); box && s.boxes != BoxUse::None) {
    parts[3] = 1;
    const int numbers[4] = {box->left, box->top, box->width, box->height};
    for (int n = 0; n < 4; ++n) parts[4 + n] = static_cast<std::uint64_t>(std::int64_t{numbers[n]});
  }
  return content_of(parts, sizeof parts);
}

KeptBuffers::KeptBuffers(const Module& module) : buffers_(module.named_buffers()) {}

void KeptBuffers::keep() {
  if (copies_.empty())
    for (const auto& [name, buffer] : buffers_) copies_.push_back(buffer.clone());
  else
    for (std::size_t i = 0; i < buffers_.size(); ++i) copies_[i].copy_from(buffers_[i].second);
}

void KeptBuffers::put_back() const {
  for (std::size_t i = 0; i < buffers_.size(); ++i) buffers_[i].second.copy_from(copies_[i]);
}

NotFiniteStep KeptBuffers::first_unsound_buffer() const {
  for (const auto& [name, buffer] : buffers_)
    if (const auto bad = first_unsound(buffer, wanted_of(name)))
      return {"running statistics '" + name + "'", bad->value};
  return {};
}

std::vector<CropId> crops_of(const TrainingSetup& s, const Batch& batch, std::int64_t epoch, std::int64_t crops) {
  std::vector<CropId> ids;
  for (const SampleRef& sample : batch.samples) {
    const CropKey key = crop_key(sample, epoch, crops);
    ids.push_back({sample.index, key.epoch, key.occurrence, seen_by_teacher(s, sample.index)});
  }
  return ids;
}

std::int64_t count_labelled(const Tensor& labels) {
  const std::int64_t* y = labels.data<std::int64_t>();
  std::int64_t rows = 0;
  while (rows < labels.dim(0) && y[rows] >= 0) ++rows;
  return rows;
}

StepLosses losses_of(TrainingSetup& s, const Features& student, const Features& teacher, const Tensor& labels,
                     std::int64_t labelled, std::int64_t step) {
  StepLosses l;
  l.teacher = teacher;
  l.student = student;
  const bool all = labelled == labels.dim(0);
  l.labelled = all ? student : first_rows(student, labelled);
  l.labelled_teacher = all || !s.teacher ? teacher : first_rows(teacher, labelled);
  l.labels = all ? labels : labels.slice(0, 0, labelled);
  const Device device = labels.device();
  HostFeatures host;
  for (const auto& [loss, weight] : s.losses) {
    const bool through_host = device != Device{} && !loss->runs_on_device();
    if (through_host) host.make(s, l, labelled);
    LossOutput out = loss->forward(through_host ? input_of(*loss, s, host, step) : input_of(*loss, s, l, step));
    const Variable value = through_host ? to_device(out.value, device) : out.value;
    l.numbers.emplace_back(loss->name(), LoggedNumber(value.value()));
    for (const auto& [name, number] : out.numbers)
      l.numbers.emplace_back(std::string(loss->name()) + "." + name, number);
    l.own.push_back(std::move(out.numbers));
    const Variable weighted = affine(value, weight, 0);
    l.total = l.total.defined() ? add(l.total, weighted) : weighted;
  }
  l.numbers.emplace_back("loss", LoggedNumber(l.total.value()));
  return l;
}

void remember(TrainingSetup& s, const StepLosses& l, std::int64_t step) {
  HostFeatures host;
  for (const auto& weighted : s.losses) {
    Loss& loss = *weighted.loss;
    if (l.labels.device() == Device{} || loss.runs_on_device()) {
      loss.after_step(input_of(loss, s, l, step));
    } else {
      host.make(s, l, l.labels.dim(0));
      loss.after_step(input_of(loss, s, host, step));
    }
  }
}

std::unique_ptr<StepRunner> make_step_runner(TrainingSetup& setup, const RunSpec& options, const Compute& compute) {
  if (compute.on_device()) return std::make_unique<DeviceStep>(setup, options, compute);
  return std::make_unique<HostStep>(setup, options);
}

}  // namespace fledge
