// What losses with one learnt vector per class (its proxy) share. Private to nn/losses/.
#pragma once
#include <functional>
#include <string>

#include "nn/losses/loss.h"

namespace fledge {

/// The least factor on cosines that options take.
constexpr double kMinScale = 1e-3;

/// cos(a_i, b_j). a: N,D  b: M,D  ->  N,M. Rows are normalised inside; a row of zeros has cosine 0 with everything.
Variable cosines(const Variable& a, const Variable& b);

/// N,classes: `own` at the label of each row, `other` elsewhere.
Tensor label_matrix(const Tensor& labels, std::int64_t classes, double own, double other, DType dtype);

/// Share of rows whose largest score is the label's (of equal ones the first counts). scores: N,classes
Tensor accuracy(const Tensor& scores, const Tensor& labels);

/// accuracy, and mean_positive, mean_negative: mean distances, at unit length, of the batch's pairs of one and of two
/// classes. f: N,D  scores: N,classes
LossNumbers class_numbers(const Variable& f, const Tensor& scores, const Tensor& labels);

/// Throws Error(Usage) unless every label is in 0..classes-1. On a device, where nobody may wait, a wrong one is not
/// looked for: its row of the loss becomes NaN (kernels/api/gather.h).
void check_classes(const char* op, const Tensor& labels, std::int64_t classes);
/// Throws Error(Usage) unless f is N,D with N > 0, proxies are classes * per_class,D of two classes or more, and labels
/// are N int64 in 0..classes-1 (check_classes). Returns classes.
std::int64_t check_proxies(const char* op, const Variable& f, const Variable& proxies, const Tensor& labels,
                           std::int64_t per_class = 1);
/// Throws Error(Usage) unless there are two training classes and an embedding.
void check_class_setup(const std::string& loss, const LossSetup& setup);

/// A loss whose one parameter is "proxies": classes * per_class,D, the rows of a class together.
/// Their directions alone count; they start at random from setup.seed, of unit length on average, so
/// that a learning rate means the same for any D.
class ProxyLoss : public Loss {
 public:
  using Function = std::function<LossOutput(const Variable& f, const Variable& proxies, const Tensor& labels)>;
  ProxyLoss(std::string name, const LossSetup& setup, Function function, std::int64_t per_class = 1);
  const char* name() const override { return name_.c_str(); }
  LossNeeds needs() const override { return {.labels = true}; }
  bool runs_on_device() const override { return true; }
  LossOutput forward(const LossInput& input) const override {
    return function_(input.student.embedding, *proxies_, input.labels);
  }

 private:
  std::string name_;
  Function function_;
  Variable* proxies_;
};

}  // namespace fledge
