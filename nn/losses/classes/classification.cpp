#include "nn/losses/classes/classification.h"

#include "autograd/ops/ops.h"
#include "nn/layers/linear.h"
#include "nn/losses/classes/class_proxies.h"
#include "nn/losses/function_loss.h"
#include "tensor/random.h"

namespace fledge {
namespace {

LossOutput classification_output(const Variable& logits, const Tensor& labels, double smoothing) {
  const Variable value = cross_entropy(logits, labels, smoothing);
  return {value, {{"accuracy", accuracy(logits.value(), labels)}}};
}

}  // namespace

// Smoothing as in PyTorch: the target is (1 - s) one-hot + s / classes everywhere.
Variable cross_entropy(const Variable& logits, const Tensor& labels, double label_smoothing) {
  check_labels("cross_entropy", logits.value(), labels);
  check_classes("cross_entropy", labels, logits.dim(1));
  if (!(label_smoothing >= 0 && label_smoothing <= 1))
    throw Error(ErrorKind::Usage, "cross_entropy", "label smoothing is " + std::to_string(label_smoothing),
                "it must be in [0, 1]");
  const Variable log_p = log_softmax(logits);
  const Variable target = mean(take_along_row(log_p, labels));
  if (label_smoothing == 0) return -target;
  return (label_smoothing - 1) * target - label_smoothing * mean(log_p);
}

Variable cosine_softmax(const Variable& f, const Variable& proxies, const Tensor& labels, double scale) {
  return cross_entropy(scale * cosines(f, proxies), labels);
}

namespace {

class SoftmaxLoss : public Loss {
 public:
  SoftmaxLoss(const LossSetup& setup, double smoothing) : smoothing_(smoothing) {
    check_class_setup("softmax", setup);
    Generator g = Generator::of({setup.seed, 0x736f66746d6178});  // "softmax"
    classifier_ = child<Linear>("classifier", setup.embedding, setup.classes, g);
  }
  const char* name() const override { return "softmax"; }
  LossNeeds needs() const override { return {.labels = true}; }
  bool runs_on_device() const override { return true; }
  LossOutput forward(const LossInput& input) const override {
    return classification_output(classifier_->forward(input.student.embedding), input.labels, smoothing_);
  }

 private:
  std::shared_ptr<Linear> classifier_;
  double smoothing_;
};

std::shared_ptr<Loss> make_softmax(const OptionReader& read, const LossSetup& setup) {
  return std::make_shared<SoftmaxLoss>(setup, read.number("label-smoothing", 0, 1));
}

std::shared_ptr<Loss> make_cosine_softmax(const OptionReader& read, const LossSetup& setup) {
  const double scale = read.number("scale", kMinScale);
  const double smoothing = read.number("label-smoothing", 0, 1);
  return std::make_shared<ProxyLoss>(read.loss(), setup,
                                     [=](const Variable& f, const Variable& proxies, const Tensor& labels) {
                                       return classification_output(scale * cosines(f, proxies), labels, smoothing);
                                     });
}

}  // namespace

LossEntry softmax_entry() {
  return {"softmax",
          LossKind::Metric,
          "cross entropy of a linear classifier on the embedding, over the training classes",
          {{"label-smoothing", "0"}},
          make_softmax};
}

LossEntry cosine_softmax_entry() {
  return {"cosine-softmax",
          LossKind::Metric,
          "cross entropy of scaled cosines to one learnt proxy per class: the quick way to a teacher",
          {{"scale", "20"}, {"label-smoothing", "0"}},
          make_cosine_softmax};
}

}  // namespace fledge
