#include "nn/fuse.h"

#include "nn/inference_program.h"
#include "nn/layers/linear.h"
#include "tensor/ops/distance.h"
#include "tensor/ops/gemm.h"
#include "tensor/ops/pool.h"

namespace fledge {
namespace {

class ProgramModel : public FusedModel {
 public:
  ProgramModel(const EmbeddingModel& model, Device device, DType dtype)
      : arch_(model.spec().arch), normalize_(model.spec().normalize), device_(device), dtype_(dtype) {
    model.backbone().lower(program_);
    program_.to(device, dtype);
    // A snapshot: training may go on with the model.
    const auto copy = [&](const Variable& v) { return v.value().clone().to(device).to(accumulated(dtype)); };
    if (const Linear* head = model.head()) {
      weight_ = copy(head->weight());
      bias_ = copy(head->bias());
    }
    if (const Linear* classifier = model.classifier()) {
      class_weight_ = copy(classifier->weight());
      class_bias_ = copy(classifier->bias());
    }
  }

  Tensor pooled(const Tensor& images) const override {
    if (images.rank() != 4 || images.dim(1) != 3) {
      throw Error(ErrorKind::Usage, arch_, "images are " + to_string(images.dims()) + ", not N,3,H,W",
                  "grey pictures are repeated in three channels");
    }
    return global_avg_pool(program_.run(images.to(device_).to(dtype_)));
  }

  Tensor embed(const Tensor& images) const override {
    const Tensor features = pooled(images);
    const Tensor raw = weight_.defined() ? linear(features, weight_, bias_) : features;
    return normalize_ ? l2_normalize(raw).y : raw;
  }

  Tensor logits(const Tensor& images) const override {
    if (!class_weight_.defined()) {
      throw Error(ErrorKind::Usage, arch_, "the model has no classifier, so no logits",
                  "its description needs 'classes' above 0");
    }
    return linear(pooled(images), class_weight_, class_bias_);
  }

 private:
  std::string arch_;
  bool normalize_;
  Device device_;
  DType dtype_;
  InferenceProgram program_;
  Tensor weight_, bias_;              // the head, undefined without
  Tensor class_weight_, class_bias_;  // the classifier, likewise
};

}  // namespace

std::unique_ptr<FusedModel> fuse(const EmbeddingModel& model) {
  const Tensor weights = model.parameters().front().value();
  return fuse(model, weights.device(), weights.dtype());
}

std::unique_ptr<FusedModel> fuse(const EmbeddingModel& model, Device device, DType dtype) {
  return std::make_unique<ProgramModel>(model, device, dtype);
}

}  // namespace fledge
