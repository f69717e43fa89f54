// Whole networks with random weights: inference, training step, distillation step. One case a process, so that the peak
// memory is its own.
//
//   bench_models CASE [--threads N] [--seconds S] [--size PX]
//   CASE: infer:ARCH[:WIDTH]:BATCH | train:ARCH[:WIDTH]:BATCH | distill:TEACHER:STUDENT[:WIDTH]:BATCH
// prints  case  median_ms_per_image  min_ms_per_image  repetitions  peak_MiB   (tab-separated). bench/compare.sh runs
// it beside PyTorch.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "autograd/grad_mode.h"
#include "kernels/api/error.h"
#include "nn/fuse.h"
#include "nn/losses/teacher/absolute_relative.h"
#include "nn/optim/optimizer.h"
#include "tensor/context.h"
#include "tensor/creation.h"
#include "tensor/random.h"

using namespace fledge;

namespace {

struct Settings {
  std::vector<std::string> parts;
  std::string name;
  int threads = 0, size = 224;
  double seconds = 3;
};

// "ARCH" or "ARCH:WIDTH" from position `at`; leaves `at` behind it.
ModelSpec read_model(const std::vector<std::string>& parts, std::size_t& at) {
  ModelSpec spec;
  spec.arch = parts.at(at++);
  if (at < parts.size() && parts[at].find('.') != std::string::npos) spec.width = std::stod(parts[at++]);
  return spec;
}

Tensor random_images(std::int64_t batch, int size) {
  Generator g(7);
  return rand_normal({batch, 3, size, size}, g, 0, 1, DType::Float32, Layout::ChannelsLast);
}

// The step of `bench/torch_peer.py`: embedding, distance to a target, backward, SGD with momentum and weight decay.
class TrainingStep {
 public:
  TrainingStep(const ModelSpec& spec, std::int64_t batch, int size)
      : model_(spec, 1), images_(random_images(batch, size)) {
    Generator g(8);
    target_ = rand_normal({batch, spec.embedding}, g);
    OptimizerOptions options;
    options.kind = "sgd", options.lr = 1e-3, options.weight_decay = 1e-4;
    optimizer_ =
        std::make_unique<Optimizer>(std::vector<ParameterGroup>{{"all", model_.named_parameters(), 1, true}}, options);
  }
  const Tensor& images() const { return images_; }
  void run(const Tensor& target) {
    const Features f = model_.forward(Variable(images_));
    const Variable loss = absolute_teacher(f.embedding, target, AbsoluteForm::L2);
    optimizer_->zero_grad();
    loss.backward();
    optimizer_->step(1e-3);
  }
  void run() { run(target_); }

 private:
  EmbeddingModel model_;
  Tensor images_, target_;
  std::unique_ptr<Optimizer> optimizer_;
};

std::function<void()> build(const Settings& s, std::int64_t& batch) {
  std::size_t at = 1;
  const std::string mode = s.parts.at(0);
  const ModelSpec first = read_model(s.parts, at);
  if (mode == "infer") {
    batch = std::stoll(s.parts.at(at));
    EmbeddingModel model(first, 1);
    model.eval();
    std::shared_ptr<FusedModel> fused = fuse(model);
    const Tensor images = random_images(batch, s.size);
    return [fused, images] { fused->embed(images); };
  }
  if (mode == "train") {
    batch = std::stoll(s.parts.at(at));
    auto step = std::make_shared<TrainingStep>(first, batch, s.size);
    return [step] { step->run(); };
  }
  if (mode == "distill") {
    const ModelSpec student = read_model(s.parts, at);
    batch = std::stoll(s.parts.at(at));
    EmbeddingModel teacher(first, 2);
    teacher.eval();
    std::shared_ptr<FusedModel> fused = fuse(teacher);
    auto step = std::make_shared<TrainingStep>(student, batch, s.size);
    return [fused, step] { step->run(fused->embed(step->images())); };
  }
  throw Error(ErrorKind::Usage, "bench_models", "unknown mode '" + mode + "'", "infer, train or distill");
}

int run(int argc, char** argv) {
  Settings s;
  for (int i = 1; i < argc; ++i) {
    const std::string a = argv[i];
    if (a == "--threads" && i + 1 < argc)
      s.threads = std::atoi(argv[++i]);
    else if (a == "--seconds" && i + 1 < argc)
      s.seconds = std::atof(argv[++i]);
    else if (a == "--size" && i + 1 < argc)
      s.size = std::atoi(argv[++i]);
    else
      s.name = a;
  }
  std::stringstream stream(s.name);
  for (std::string part; std::getline(stream, part, ':');) s.parts.push_back(part);
  if (s.parts.size() < 3)
    throw Error(ErrorKind::Usage, "bench_models", "no case", "e.g. infer:resnet18:8, train:mobilenet_v1:0.25:32");
  set_num_threads(s.threads);

  std::int64_t batch = 1;
  const auto body = build(s, batch);
  body();  // plans, packed weights, first-touch memory
  body();
  std::vector<double> times;
  const auto begin = std::chrono::steady_clock::now();
  auto seconds_since = [](auto t) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - t).count();
  };
  while (times.size() < 3 || seconds_since(begin) < s.seconds) {
    const auto start = std::chrono::steady_clock::now();
    body();
    times.push_back(1e3 * seconds_since(start) / static_cast<double>(batch));
  }
  std::sort(times.begin(), times.end());
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("%s\t%.4f\t%.4f\t%zu\t%.0f\n", s.name.c_str(), times[times.size() / 2], times[0], times.size(),
              usage.ru_maxrss / 1024.0);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "error: %s\n", e.what());
    return 2;
  }
}
