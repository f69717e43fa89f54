#include "train/loop/device_step.h"

#include <cmath>

#include "kernels/api/backend.h"
#include "tensor/ops/image.h"
#include "train/evaluation/equal_embeddings.h"
#include "train/loop/alarms.h"

namespace fledge {
namespace {

constexpr std::int64_t kPlainSteps = 2;  // before recording: plans are built, moments made, memory grown
constexpr std::int64_t kRankEvery = 10;  // steps between looks at the embeddings' rank, which the host computes

/// `place` gets the values of `from`, in memory that stays where it is from step to step.
void copy_into(Tensor& place, const Tensor& from) {
  if (!place.defined() || !(place.dims() == from.dims())) place = Tensor::empty_like(from);
  copy_async(place, from);
}

/// A tensor like `host` on the device, made again only when the size changes.
void keep_like(Tensor& kept, const Tensor& host, Device device) {
  if (!kept.defined() || !(kept.dims() == host.dims()))
    kept = Tensor::empty(host.dims(), host.dtype(), Layout::Contiguous, device);
}
void keep_pinned(Tensor& kept, const Tensor& like, Device device) {
  if (!kept.defined() || !(kept.dims() == like.dims())) kept = Tensor::empty_pinned(like.dims(), like.dtype(), device);
}

}  // namespace

DeviceStep::DeviceStep(TrainingSetup& setup, const RunSpec& options, const Compute& compute)
    : s_(setup),
      o_(options),
      device_(compute.device),
      activations_(compute.activations),
      normalize_(setup.loading.normalization.params()),
      record_(options.policy.step_graph == StepGraph::Auto && may_record()),
      copies_(device_),
      teacher_stream_(device_),
      inputs_ready_(device_),
      teacher_ready_(device_),
      buffers_(*setup.model) {
  for (Upload& u : uploads_) {
    u.arrived = std::make_unique<Event>(device_);
    u.taken = std::make_unique<Event>(device_);
  }
}

/// Every loss computes where the features are, and needs nothing from the host in between.
bool DeviceStep::may_record() const {
  for (const auto& l : s_.losses)
    if (!l.loss->runs_on_device()) return false;
  return true;
}

void DeviceStep::prepare(const Batch& batch, std::int64_t epoch) {
  for (Upload& other : uploads_)
    if (other.source == batch.pixels.raw()) other.source = nullptr;  // never run; the loader uses its memory again
  // In turns: what was sent from here two steps ago has arrived, so its page-locked memory may be written again.
  Upload& u = uploads_[next_upload_];
  next_upload_ = 1 - next_upload_;
  u.arrived->synchronize();  // costs nothing then
  u.source = batch.pixels.raw();
  u.kind = {batch.pixels.dim(0), count_labeled(batch.labels), s_.teacher != nullptr};
  u.crops.clear();
  if (s_.cache) {
    u.crops = crops_of(s_, batch, epoch, o_.views.crops);
    const TeacherCache::Kept kept = s_.cache->find(u.crops);
    if (kept.all) {  // in part: a recorded step computes all of them
      u.kind.live_teacher = false;
      keep_pinned(u.host_rows, kept.rows, device_);
      u.host_rows.copy_from(kept.rows);
    }
  }
  keep_pinned(u.host_labels, batch.labels, device_);
  u.host_labels.copy_from(batch.labels);

  const StreamGuard guard(copies_);
  u.taken->wait();  // the step before last has its own copy of what lies here
  const auto send = [&](Tensor& to, const Tensor& from) {
    keep_like(to, from, device_);
    copy_async(to, from);
  };
  send(u.pixels, batch.pixels);
  send(u.labels, u.host_labels);
  if (u.kind.live_teacher && batch.teacher_pixels.defined()) send(u.teacher_pixels, batch.teacher_pixels);
  if (!u.kind.live_teacher && s_.teacher) send(u.rows, u.host_rows);
  u.arrived->record();
}

DeviceStep::Upload& DeviceStep::uploaded(const Batch& batch, std::int64_t epoch) {
  for (Upload& u : uploads_)
    if (u.source == batch.pixels.raw()) return u;
  for (Upload& u : uploads_) u.source = nullptr;  // prepared, never run: an epoch that was stopped
  prepare(batch, epoch);
  return uploads_[1 - next_upload_];
}

/// Into the inputs at fixed addresses, in the compute stream.
void DeviceStep::take_inputs(Upload& u, const StepPlace& place) {
  u.arrived->wait();
  copy_into(pixels_, u.pixels);
  copy_into(labels_, u.labels);
  if (u.kind.live_teacher && u.teacher_pixels.defined()) copy_into(teacher_pixels_, u.teacher_pixels);
  if (!u.kind.live_teacher && s_.teacher) copy_into(rows_, u.rows);
  u.taken->record();
  const Tensor rates = s_.optimizer->next_rates(place.lr);
  keep_pinned(host_rates_, rates, device_);
  host_rates_.copy_from(rates);
  keep_like(rates_, host_rates_, device_);
  copy_async(rates_, host_rates_);
}

/// In the teacher's stream, beside the student's forward; teacher_ready_ says when they are there.
ModelOutput DeviceStep::teacher_features(const Kind& kind, const Tensor& student_images) {
  ModelOutput features;
  if (!s_.teacher) return features;
  if (!kind.live_teacher) {
    features.embedding = Variable(rows_);
    return features;
  }
  inputs_ready_.record();
  const StreamGuard guard(teacher_stream_);
  inputs_ready_.wait();
  const Tensor images =
      teacher_pixels_.defined() ? normalize_images(teacher_pixels_, normalize_, activations_) : student_images;
  features = s_.teacher->forward(images, s_.needs.teacher_stages);
  teacher_ready_.record();
  return features;
}

void DeviceStep::compute(const Kind& kind, const StepPlace& place, Outcome& outcome) {
  const Tensor images = normalize_images(pixels_, normalize_, activations_);
  const ModelOutput teacher = teacher_features(kind, images);
  StepHooks hooks;
  if (kind.live_teacher) hooks.forward_done = [&] { teacher_ready_.wait(); };
  StepLosses losses = forward_backward(s_, {images, labels_, kind.labeled, place.step}, teacher, hooks);
  // Not finite where the loss is not though its gradients are: nothing is updated then.
  const Tensor norm = s_.optimizer->gradient_norm(losses.total.value());
  s_.optimizer->update({rates_, norm, o_.optim.clip_grad});
  outcome.embedding = losses.student.embedding.value();
  if (teacher.embedding.defined()) outcome.teacher_rows = teacher.embedding.value();
  write_report(losses, norm, outcome);
  outcome.losses = std::move(losses);
}

/// Gathers the numbers that lie on the device in one tensor, so that one copy brings them all.
void DeviceStep::write_report(const StepLosses& losses, const Tensor& norm, Outcome& outcome) {
  std::vector<Tensor> values;
  for (const auto& [name, number] : losses.numbers)
    if (number.tensor().defined()) values.push_back(number.tensor());
  values.push_back(norm);
  const auto n = static_cast<std::int64_t>(values.size());
  outcome.report = Tensor::empty({n}, DType::Float32, Layout::Contiguous, device_);
  for (std::int64_t i = 0; i < n; ++i)
    outcome.report.slice(0, i, 1).copy_from(values[static_cast<std::size_t>(i)].reshape({1}));
  outcome.numbers = losses.numbers;
  outcome.own = losses.own;
}

void DeviceStep::record(const Kind& kind, const StepPlace& place, Outcome& outcome) {
  // The recording gets memory of its own: what plain steps needed goes back first.
  outcome.losses.reset();
  outcome.embedding = outcome.teacher_rows = outcome.report = {};
  outcome.numbers.clear(), outcome.own.clear();
  s_.optimizer->zero_grad();
  backend_for(device_).runtime->release_cached_memory();
  outcome.work = std::make_unique<RecordedWork>(device_, [&] { compute(kind, place, outcome); });
  outcome.losses.reset();  // the graph of nodes; its memory stays with the recording
}

/// The outcome of this kind of step. A new kind gets the memory that recordings of others hold: mostly their time is
/// over (the teacher's rows are kept now), and those that come again are recorded again.
DeviceStep::Outcome& DeviceStep::outcome_of(const Kind& kind) {
  const auto [place, made] = outcomes_.try_emplace(kind);
  if (made)
    for (auto& [other, outcome] : outcomes_)
      if (outcome.work) {
        outcome = {};
        outcome.plain_steps = kPlainSteps;
      }
  return place->second;
}

void DeviceStep::run_or_replay(const Kind& kind, const StepPlace& place, Outcome& outcome) {
  const bool recorded = outcome.work != nullptr;
  if (!recorded && (!record_ || outcome.plain_steps < kPlainSteps)) {
    ++outcome.plain_steps;
    return compute(kind, place, outcome);
  }
  if (!recorded) record(kind, place, outcome);
  outcome.work->replay();
  if (recorded) count_replayed_step();
}

/// What running the step's code would have counted on the host.
void DeviceStep::count_replayed_step() {
  const auto written = [&](Module& module) {
    module.apply([](Module& m) { m.count_replayed_step(); });
    for (const auto& [name, tensor] : module.named_state())
      if (tensor.device() == device_) tensor.bump_version();
  };
  written(*s_.model);
  for (const auto& l : s_.losses) written(*l.loss);
}

StepResult DeviceStep::read_back(const Outcome& outcome) {
  StepResult result;
  const float* next = host_report_.data<float>();
  for (const auto& [name, number] : outcome.numbers)
    result.numbers.emplace_back(name, number.tensor().defined() ? static_cast<double>(*next++) : number.value());
  result.grad_norm = *next;
  // losses_of lists each loss's value, then its own numbers; the total comes last.
  auto listed = result.numbers.begin();
  for (const LossNumbers& numbers : outcome.own) {
    ++listed;
    Numbers& own = result.own.emplace_back();
    for (const auto& [name, number] : numbers) own.emplace_back(name, (listed++)->second);
  }
  result.loss = result.numbers.back().second;
  if (!std::isfinite(result.loss))
    result.not_finite = {"loss", result.loss};
  else if (!std::isfinite(result.grad_norm))
    result.not_finite = {"gradient norm", result.grad_norm};
  return result;
}

/// The optimiser's moments lie elsewhere now: what was recorded would write to the old ones.
void DeviceStep::restored() { outcomes_.clear(); }

StepResult DeviceStep::run(const Batch& batch, const StepPlace& place, const std::function<void()>& meanwhile) {
  Upload& u = uploaded(batch, place.epoch);
  if (pixels_.defined() && pixels_.dim(0) != u.kind.rows) {  // the inputs move, so recordings that read them are void
    outcomes_.clear();
    pixels_ = teacher_pixels_ = labels_ = rows_ = {};
  }
  Outcome& outcome = outcome_of(u.kind);
  take_inputs(u, place);
  if (o_.policy.on_nan == OnNan::Skip) buffers_.keep();
  run_or_replay(u.kind, place, outcome);
  keep_pinned(host_report_, outcome.report, device_);
  copy_async(host_report_, outcome.report);
  const bool looks_at_rank = steps_ % kRankEvery == 0;
  if (looks_at_rank) {
    keep_pinned(host_embedding_, outcome.embedding, device_);
    copy_async(host_embedding_, outcome.embedding);
  }
  const std::vector<CropId> crops = u.kind.live_teacher ? u.crops : std::vector<CropId>();
  u.source = nullptr;
  Event done(device_);
  done.record();
  meanwhile();
  double rank = -1;
  if (steps_ > 1 && steps_ % kRankEvery == 1)
    rank = batch_rank(host_embedding_);  // of the step before, beside this one
  done.synchronize();
  StepResult result = read_back(outcome);
  ++steps_;
  if (result.not_finite) {
    outcome.losses.reset();
    if (o_.policy.on_nan == OnNan::Skip) buffers_.put_back();
    return result;
  }
  result.rank = steps_ == 1 ? batch_rank(host_embedding_) : rank;
  if (steps_ == 1 && outcome.teacher_rows.defined())
    result.teacher_spread = collapsed_spread(outcome.teacher_rows.to(Device{}));
  s_.optimizer->count_update();
  if (!crops.empty()) s_.cache->add(crops, outcome.teacher_rows.to(Device{}));
  if (outcome.losses) {
    remember(s_, *outcome.losses, place.step);
    outcome.losses.reset();
  }
  return result;
}

}  // namespace fledge
