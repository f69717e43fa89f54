#include "apps/bench/workload.h"

#include "nn/fuse.h"
#include "nn/losses/teacher/absolute_relative.h"
#include "nn/optim/optimizer.h"
#include "tensor/creation.h"
#include "tensor/random.h"
#include "tensor/stream.h"

namespace fledge::bench {
namespace {

constexpr double kRate = 1e-3;

Tensor random_images(std::int64_t batch, int size, const Compute& compute) {
  Generator g(7);
  const Tensor images = rand_normal({batch, 3, size, size}, g, 0, 1, DType::Float32, Layout::ChannelsLast);
  return images.to(compute.device).to(compute.activations);
}

std::unique_ptr<FusedModel> fused_model(const ModelSpec& spec, std::uint64_t seed, const Compute& compute) {
  EmbeddingModel model(spec, seed);
  model.eval();
  return fuse(model, compute.device, compute.activations);
}

class Inference : public Workload {
 public:
  Inference(const BenchCase& c, int size, const Compute& compute)
      : model_(fused_model(c.model, 1, compute)), images_(random_images(c.batch, size, compute)) {}
  void run() override { model_->embed(images_); }

 private:
  std::unique_ptr<FusedModel> model_;
  Tensor images_;
};

/// The step of bench/torch_peer.py: embedding, distance to a target or to the teacher's embedding, backward, SGD with
/// momentum and weight decay.
class TrainingStep : public Workload {
 public:
  TrainingStep(const BenchCase& c, int size, const Compute& compute, Streams streams)
      : compute_(compute),
        streams_(streams),
        model_(c.model, 1),
        images_(random_images(c.batch, size, compute)),
        teacher_stream_(compute.device),
        inputs_ready_(compute.device),
        teacher_ready_(compute.device) {
    Generator g(8);
    target_ = rand_normal({c.batch, c.model.embedding}, g).to(compute.device);
    if (c.mode == BenchCase::Mode::Distill) teacher_ = fused_model(c.teacher, 2, compute);
    model_.to(compute.device);
    OptimizerOptions options;
    options.kind = "sgd", options.lr = kRate, options.weight_decay = 1e-4;
    optimizer_ =
        std::make_unique<Optimizer>(std::vector<ParameterGroup>{{"all", model_.named_parameters(), 1, true}}, options);
  }

  void run() override {
    if (recorded_) return recorded_->replay();
    if (!compute_.on_device()) {
      backward();
      return optimizer_->step(kRate);
    }
    if (steps_ < 2)
      rates_ = optimizer_->next_rates(kRate).to(compute_.device);  // the first step's differ, the rest not
    step_on_device();
    optimizer_->count_update();
    ++steps_;
  }

  bool record() override {
    if (!compute_.on_device()) return false;
    recorded_ = std::make_unique<RecordedWork>(compute_.device, [this] { step_on_device(); });
    return true;
  }

 private:
  void step_on_device() {
    backward();
    optimizer_->update(rates_, optimizer_->gradient_norm(), 0);
  }

  void backward() {
    const Tensor taught = teacher_ ? teacher_embedding() : target_;
    const Features f = model_.forward(Variable(images_));
    if (teacher_ && streams_ == Streams::AsInTraining) teacher_ready_.wait();
    const Variable loss = absolute_teacher(f.embedding, taught, AbsoluteForm::L2);
    optimizer_->zero_grad();
    loss.backward();
  }

  /// Beside the student's forward, in a stream of its own, as in training.
  Tensor teacher_embedding() {
    if (streams_ == Streams::One) return teacher_->embed(images_);
    inputs_ready_.record();
    const StreamGuard guard(teacher_stream_);
    inputs_ready_.wait();
    const Tensor embedding = teacher_->embed(images_);
    teacher_ready_.record();
    return embedding;
  }

  const Compute compute_;
  const Streams streams_;
  EmbeddingModel model_;
  Tensor images_, target_, rates_;
  Stream teacher_stream_;
  Event inputs_ready_, teacher_ready_;
  std::unique_ptr<FusedModel> teacher_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<RecordedWork> recorded_;
  int steps_ = 0;
};

}  // namespace

std::unique_ptr<Workload> make_workload(const BenchCase& c, int size, const Compute& compute, Streams streams) {
  if (c.mode == BenchCase::Mode::Infer) return std::make_unique<Inference>(c, size, compute);
  return std::make_unique<TrainingStep>(c, size, compute, streams);
}

}  // namespace fledge::bench
