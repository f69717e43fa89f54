#include "apps/bench/shared_case.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "apps/bench/workload.h"
#include "io/checkpoint/safetensors.h"
#include "io/file.h"
#include "io/folder.h"
#include "io/image/image.h"
#include "io/npy.h"
#include "tensor/creation.h"
#include "tensor/ops/distance.h"
#include "tensor/random.h"
#include "train/evaluation/evaluate.h"
#include "train/model/model_file.h"

namespace fledge::bench {
namespace {

constexpr int kCheckedSteps = 3;
constexpr std::int64_t kCheckedPictures = 8;
constexpr std::int64_t kRowSize = 512, kProducts = 60502, kProductClasses = 11316;
constexpr double kRowNoise = 2.3;  // of a number, beside class centers of deviation 1: Recall@1 is neither 0 nor 1

/// Of what has one number a channel: scales and variances around 1, the rest around 0.
void vary_channels(const std::string& name, const Tensor& values, Generator& g) {
  if (values.rank() != 1 || values.dtype() != DType::Float32) return;
  const auto ends_with = [&](std::string_view end) { return std::string_view(name).ends_with(end); };
  const double base = ends_with(".weight") || ends_with("running_var") ? 1 : 0;
  float* v = values.data<float>();
  for (std::int64_t i = 0; i < values.numel(); ++i) v[i] = static_cast<float>(base + g.uniform(-0.2, 0.2));
  values.bump_version();
}

void save_model(const EmbeddingModel& model, const std::string& path) {
  save_safetensors(path, model.named_state(), model_metadata(model.spec(), {}));
}

/// A smooth picture with some noise.
Image drawn_picture(std::int64_t number) {
  constexpr int kWidth = 516, kHeight = 388;
  Generator g = Generator::of({9, static_cast<std::uint64_t>(number)});
  double frequency[3][2], phase[3];
  for (int c = 0; c < 3; ++c)
    frequency[c][0] = g.uniform(1, 9), frequency[c][1] = g.uniform(1, 9), phase[c] = g.uniform(0, 6);
  Image image{kWidth, kHeight, std::vector<std::uint8_t>(std::size_t{3} * kWidth * kHeight)};
  for (int y = 0; y < kHeight; ++y)
    for (int x = 0; x < kWidth; ++x)
      for (int c = 0; c < 3; ++c) {
        const double wave = std::sin(frequency[c][0] * x / 80.0 + frequency[c][1] * y / 80.0 + phase[c]);
        image.row(y)[3 * x + c] = static_cast<std::uint8_t>(128 + 90 * wave + g.uniform(-12, 12));
      }
  return image;
}

void share_network(const BenchCase& c, int size, const Compute& compute, const std::string& folder) {
  const Tensor images = case_images(c.batch, size);
  save_npy(folder + "/images.npy", images);
  const auto share = [&](const ModelSpec& spec, std::uint64_t seed, const std::string& file, const std::string& rows) {
    const auto model = frozen_model(spec, seed, compute);
    save_model(*model, folder + file);
    const Tensor given = images.to(compute.device).to(compute.activations);
    save_npy(folder + rows, run_model(*model, given, Output::Embedding).to(Device()).to(DType::Float32));
  };
  share(c.model, kModelSeed, "/model.safetensors", "/embeddings.npy");
  if (c.mode == BenchCase::Mode::Distill)
    share(c.teacher, kTeacherSeed, "/teacher.safetensors", "/teacher_embeddings.npy");
  if (!c.trains()) return;
  save_npy(folder + "/targets.npy", case_targets(c.batch, c.model.embedding));
  const auto workload = make_workload(c, {size, folder}, compute);
  std::vector<float> losses;
  for (int i = 0; i < kCheckedSteps; ++i) {
    workload->run();
    losses.push_back(static_cast<float>(workload->result().to(Device()).item()));
  }
  save_npy(folder + "/losses.npy", from_vector<float>(losses, {kCheckedSteps}));
}

}  // namespace

std::shared_ptr<EmbeddingModel> case_model(const ModelSpec& spec, std::uint64_t seed, const Compute& compute) {
  auto model = std::make_shared<EmbeddingModel>(spec, seed);
  Generator g(seed);
  for (const auto& [name, values] : model->named_state()) vary_channels(name, values, g);
  model->to(compute.device);
  return model;
}

std::shared_ptr<EmbeddingModel> frozen_model(const ModelSpec& spec, std::uint64_t seed, const Compute& compute) {
  auto model = case_model(spec, seed, compute);
  model->eval();
  return model;
}

Tensor case_images(std::int64_t batch, int size) {
  Generator g(7);
  return rand_normal({batch, 3, size, size}, g, 0, 1, DType::Float32, Layout::ChannelsLast);
}

Tensor case_targets(std::int64_t batch, std::int64_t embedding) {
  Generator g(8);
  return l2_normalize(rand_normal({batch, embedding}, g)).y;
}

LabeledRows case_rows(std::int64_t count) {
  Generator g(3);
  const std::int64_t classes = std::max<std::int64_t>(1, std::min(count / 2, count * kProductClasses / kProducts));
  LabeledRows rows;
  rows.vectors = rand_normal({count, kRowSize}, g, 0, kRowNoise);
  const Tensor centers = rand_normal({classes, kRowSize}, g);
  for (std::int64_t i = 0; i < count; ++i) {  // each class has at least two rows
    rows.labels.push_back(i < 2 * classes ? i / 2 : g.below(classes));
    float* row = rows.vectors.data<float>() + i * kRowSize;
    const float* center = centers.data<float>() + rows.labels.back() * kRowSize;
    for (std::int64_t k = 0; k < kRowSize; ++k) row[k] += center[k];
  }
  rows.vectors = l2_normalize(rows.vectors).y;
  return rows;
}

void write_pictures(std::int64_t count, const std::string& folder) {
  make_folder(folder + "/pictures");
  make_folder(folder + "/pictures/all");
  for (std::int64_t i = 0; i < count; ++i) {
    const std::vector<std::uint8_t> bytes = encode_jpeg(drawn_picture(i), 85);
    write_file_atomic(fmt::format("{}/pictures/all/{:05}.jpg", folder, i), bytes.data(), bytes.size());
  }
}

void write_shared_case(const BenchCase& c, int size, const Compute& compute, const std::string& folder) {
  if (c.has_network()) return share_network(c, size, compute, folder);
  if (c.mode == BenchCase::Mode::Load) write_pictures(c.batch, folder);
  const auto workload = make_workload(c, {size, folder}, compute);
  workload->run();
  if (c.mode == BenchCase::Mode::Load) {
    const Tensor loaded = workload->result();
    return save_npy(folder + "/loaded.npy", loaded.slice(0, 0, std::min(loaded.dim(0), kCheckedPictures)));
  }
  const LabeledRows rows = case_rows(c.batch);
  save_npy(folder + "/vectors.npy", rows.vectors);
  save_npy(folder + "/labels.npy", from_vector<std::int64_t>(rows.labels, {c.batch}));
  save_npy(folder + "/recalls.npy", workload->result());
}

}  // namespace fledge::bench
