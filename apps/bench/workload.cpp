#include "apps/bench/workload.h"

#include "apps/bench/shared_case.h"
#include "autograd/grad_mode.h"
#include "nn/optim/registry.h"
#include "tensor/creation.h"
#include "tensor/stream.h"
#include "train/loop/step.h"

namespace fledge::bench {
namespace {

constexpr double kRate = 1e-3;

Tensor images_there(std::int64_t batch, int size, const Compute& compute) {
  return case_images(batch, size).to(compute.device).to(compute.activations);
}

Tensor embedding_of(const EmbeddingModel& model, const Tensor& images) {
  const NoGradGuard no_grad;
  return model.forward(Variable(images)).embedding.value();
}

class Inference : public Workload {
 public:
  Inference(const BenchCase& c, int size, const Compute& compute)
      : model_(frozen_model(c.model, kModelSeed, compute)), images_(images_there(c.batch, size, compute)) {
    model_->keep_folded_weights_alone();
  }
  void run() override { embedding_ = embedding_of(*model_, images_); }
  Tensor result() const override { return embedding_; }

 private:
  std::shared_ptr<EmbeddingModel> model_;
  Tensor images_, embedding_;
};

/// The step that users run (train/loop/step.h), with what bench/peers/torch_peer.py does too: distance to a target
/// or to the teacher's embedding, SGD with momentum and weight decay.
class TrainingStep : public Workload {
 public:
  TrainingStep(const BenchCase& c, const WorkloadPlace& place, const Compute& compute, Streams streams)
      : compute_(compute),
        streams_(streams),
        teacher_stream_(compute.device),
        inputs_ready_(compute.device),
        teacher_ready_(compute.device) {
    const Tensor labels =
        from_vector<std::int64_t>(std::vector<std::int64_t>(static_cast<std::size_t>(c.batch)), {c.batch});
    input_ = {images_there(c.batch, place.size, compute), labels.to(compute.device), c.batch};
    target_ = case_targets(c.batch, c.model.embedding).to(compute.device);
    if (c.mode == BenchCase::Mode::Distill) teacher_ = frozen_model(c.teacher, kTeacherSeed, compute);
    if (teacher_) teacher_->keep_folded_weights_alone();
    learner_.model = case_model(c.model, kModelSeed, compute);
    learner_.model->checkpoint_activations(place.checkpoint_activations);
    LossSetup losses;
    losses.embedding = losses.teacher_embedding = c.model.embedding;
    learner_.losses = {{make_loss("absolute", {}, losses), 1}};
    OptimizerOptions options;
    options.kind = "sgd", options.lr = kRate, options.weight_decay = 1e-4;
    learner_.optimizer = make_optimizer({{"all", learner_.model->named_parameters(), 1, true}}, options);
    rates_ = learner_.optimizer->next_rates(kRate).to(compute_.device);  // SGD's do not depend on the step
  }

  void run() override {
    if (recorded_) return recorded_->replay();
    if (!compute_.on_device()) {
      forward_and_back();
      return learner_.optimizer->step(kRate);
    }
    step_on_device();
    learner_.optimizer->count_update();
  }

  Tensor result() const override { return loss_; }

  bool record() override {
    if (!compute_.on_device()) return false;
    recorded_ = std::make_unique<RecordedWork>(compute_.device, [this] { step_on_device(); });
    return true;
  }

 private:
  void step_on_device() {
    forward_and_back();
    learner_.optimizer->update({rates_, learner_.optimizer->gradient_norm()});
  }

  void forward_and_back() {
    ModelOutput taught;
    taught.embedding = Variable(teacher_ ? teacher_embedding() : target_);
    StepHooks hooks;
    if (teacher_ && streams_ == Streams::AsInTraining) hooks.forward_done = [this] { teacher_ready_.wait(); };
    loss_ = forward_backward(learner_, input_, taught, hooks).total.value();
  }

  /// Beside the student's forward, in a stream of its own, as in training.
  Tensor teacher_embedding() {
    if (streams_ == Streams::One) return embedding_of(*teacher_, input_.images);
    inputs_ready_.record();
    const StreamGuard guard(teacher_stream_);
    inputs_ready_.wait();
    const Tensor embedding = embedding_of(*teacher_, input_.images);
    teacher_ready_.record();
    return embedding;
  }

  const Compute compute_;
  const Streams streams_;
  Learner learner_;
  StepInput input_;
  Tensor target_, rates_, loss_;
  Stream teacher_stream_;
  Event inputs_ready_, teacher_ready_;
  std::shared_ptr<EmbeddingModel> teacher_;
  std::unique_ptr<RecordedWork> recorded_;
};

}  // namespace

std::unique_ptr<Workload> make_workload(const BenchCase& c, const WorkloadPlace& place, const Compute& compute,
                                        Streams streams) {
  if (c.mode == BenchCase::Mode::Infer) return std::make_unique<Inference>(c, place.size, compute);
  if (c.trains()) return std::make_unique<TrainingStep>(c, place, compute, streams);
  return make_data_workload(c, place);
}

}  // namespace fledge::bench
