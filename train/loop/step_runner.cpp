#include "train/loop/step_runner.h"

#include "nn/state_dict.h"
#include "train/loop/device_step.h"
#include "train/loop/host_step.h"

namespace fledge {

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

std::int64_t count_labeled(const Tensor& labels) {
  const std::int64_t* y = labels.data<std::int64_t>();
  std::int64_t rows = 0;
  while (rows < labels.dim(0) && y[rows] >= 0) ++rows;
  return rows;
}

std::unique_ptr<StepRunner> make_step_runner(TrainingSetup& setup, const RunSpec& options, const Compute& compute) {
  if (compute.on_device()) return std::make_unique<DeviceStep>(setup, options, compute);
  return std::make_unique<HostStep>(setup, options, compute);
}

}  // namespace fledge
