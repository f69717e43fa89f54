#include "nn/losses/classes/classification.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "autograd/ops/ops.h"
#include "nn/layers/linear.h"
#include "nn/losses/entries.h"
#include "tensor/random.h"

namespace fledge {
namespace {

void check_classes(const Tensor& logits, const Tensor& labels) {
  check_labels("cross_entropy", logits, labels);
  const std::vector<std::int64_t> y = labels.to_vector<std::int64_t>();
  for (std::size_t i = 0; i < y.size(); ++i)
    if (y[i] < 0 || y[i] >= logits.dim(1))
      throw Error(ErrorKind::Usage, "cross_entropy",
                  "label " + std::to_string(y[i]) + " at row " + std::to_string(i) + " has no class: logits " +
                      describe(logits),
                  "labels count from 0 to classes - 1");
}

Variable cosine_logits(const Variable& f, const Variable& proxies, double scale) {
  return scale * matmul(l2_normalize(f), l2_normalize(proxies), false, true);
}

/// Share of rows whose largest logit is the label's.
double accuracy(const Tensor& logits, const Tensor& labels) {
  const std::vector<float> x = logits.to_vector<float>();
  const std::vector<std::int64_t> y = labels.to_vector<std::int64_t>();
  const std::int64_t classes = logits.dim(1);
  double right = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const auto row = x.begin() + static_cast<std::int64_t>(i) * classes;
    right += std::max_element(row, row + classes) - row == y[i];
  }
  return y.empty() ? 0 : right / static_cast<double>(y.size());
}

LossOutput classification_output(const Variable& logits, const Tensor& labels, double smoothing) {
  const Variable value = cross_entropy(logits, labels, smoothing);
  return {value, {{"accuracy", accuracy(logits.value(), labels)}}};
}

}  // namespace

// Smoothing as in PyTorch: the target is (1 - s) one-hot + s / classes everywhere.
Variable cross_entropy(const Variable& logits, const Tensor& labels, double label_smoothing) {
  check_classes(logits.value(), labels);
  if (!(label_smoothing >= 0 && label_smoothing <= 1))
    throw Error(ErrorKind::Usage, "cross_entropy", "label smoothing is " + std::to_string(label_smoothing),
                "it must be in [0, 1]");
  const Variable log_p = log_softmax(logits);
  const Variable target = mean(take_along_row(log_p, labels));
  if (label_smoothing == 0) return -target;
  return (label_smoothing - 1) * target - label_smoothing * mean(log_p);
}

Variable cosine_softmax(const Variable& f, const Variable& proxies, const Tensor& labels, double scale) {
  return cross_entropy(cosine_logits(f, proxies, scale), labels);
}

namespace {

class SoftmaxLoss : public Loss {
 public:
  SoftmaxLoss(const LossSetup& setup, double smoothing) : smoothing_(smoothing) {
    Generator g = Generator::of({setup.seed, 0x736f66746d6178});  // "softmax"
    classifier_ = child<Linear>("classifier", setup.embedding, setup.classes, g);
  }
  const char* name() const override { return "softmax"; }
  LossNeeds needs() const override { return {.labels = true}; }
  LossOutput forward(const LossInput& input) const override {
    return classification_output(classifier_->forward(input.student.embedding), input.labels, smoothing_);
  }

 private:
  std::shared_ptr<Linear> classifier_;
  double smoothing_;
};

class CosineSoftmaxLoss : public Loss {
 public:
  CosineSoftmaxLoss(const LossSetup& setup, double scale, double smoothing) : scale_(scale), smoothing_(smoothing) {
    Generator g = Generator::of({setup.seed, 0x70726f78696573});  // "proxies"
    // Only their directions count; unit length on average, so that a learning rate means the same for any size.
    const double spread = 1 / std::sqrt(static_cast<double>(setup.embedding));
    proxies_ = &parameter("proxies", rand_normal({setup.classes, setup.embedding}, g, 0, spread));
  }
  const char* name() const override { return "cosine-softmax"; }
  LossNeeds needs() const override { return {.labels = true}; }
  LossOutput forward(const LossInput& input) const override {
    return classification_output(cosine_logits(input.student.embedding, *proxies_, scale_), input.labels, smoothing_);
  }

 private:
  Variable* proxies_;
  double scale_, smoothing_;
};

void check_setup(const char* loss, const LossSetup& setup) {
  if (setup.classes < 2 || setup.embedding < 1)
    throw Error(ErrorKind::Usage, std::string("loss ") + loss,
                "it needs two classes and an embedding: " + std::to_string(setup.classes) + " classes, embedding of " +
                    std::to_string(setup.embedding) + " numbers",
                "train on a data set with at least two class folders");
}

std::shared_ptr<Loss> make_softmax(const LossOptions& options, const LossSetup& setup) {
  check_setup("softmax", setup);
  return std::make_shared<SoftmaxLoss>(setup, OptionReader("softmax", options).number("label-smoothing", 0, 1));
}

std::shared_ptr<Loss> make_cosine_softmax(const LossOptions& options, const LossSetup& setup) {
  check_setup("cosine-softmax", setup);
  const OptionReader read("cosine-softmax", options);
  const double scale = read.number("scale", 1e-3, std::numeric_limits<double>::infinity());
  return std::make_shared<CosineSoftmaxLoss>(setup, scale, read.number("label-smoothing", 0, 1));
}

}  // namespace

LossEntries classification_entries() {
  return {{"softmax",
           {LossKind::Metric,
            "cross entropy of a linear classifier on the embedding, over the training classes",
            {{"label-smoothing", "0"}},
            make_softmax}},
          {"cosine-softmax",
           {LossKind::Metric,
            "cross entropy of scaled cosines to one learnt proxy per class: the quick way to a teacher",
            {{"scale", "20"}, {"label-smoothing", "0"}},
            make_cosine_softmax}}};
}

}  // namespace fledge
