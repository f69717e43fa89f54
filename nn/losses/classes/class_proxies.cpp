#include "nn/losses/classes/class_proxies.h"

#include <cmath>

#include "autograd/ops/distance.h"
#include "autograd/ops/gemm.h"
#include "nn/losses/counts.h"
#include "nn/losses/function_loss.h"
#include "tensor/creation.h"
#include "tensor/ops/distance.h"
#include "tensor/ops/eltwise.h"
#include "tensor/ops/gather.h"
#include "tensor/ops/reduce.h"
#include "tensor/random.h"

namespace fledge {

Variable cosines(const Variable& a, const Variable& b) { return matmul(l2_normalize(a), l2_normalize(b), false, true); }

Tensor label_matrix(const Tensor& labels, std::int64_t classes, double own, double other, DType dtype) {
  const Tensor marks = ones(labels.dims(), dtype, Layout::Contiguous, labels.device());
  return affine(take_along_row_backward(marks, labels, classes), own - other, other);
}

Tensor accuracy(const Tensor& scores, const Tensor& labels) {
  const Tensor best = row_top_k(scores, 1, true).index.reshape(labels.dims()).to(DType::Float32);
  const Tensor wrong = not_none(abs(sub(best, labels.to(DType::Float32))));  // class numbers are exact to 2^24
  return total_of(affine(wrong, -1, 1), static_cast<double>(labels.dim(0)));
}

LossNumbers class_numbers(const Variable& f, const Tensor& scores, const Tensor& labels) {
  const Tensor unit = l2_normalize(f.value()).y, distances = pairwise_distance(unit, unit);
  const PairMaskPair masks = pair_masks(labels, labels, 0);
  const auto mean = [&](const Tensor& mask) { return mean_of_marked(distances, mask.to(distances.dtype())); };
  return {{"accuracy", accuracy(scores, labels)},
          {"mean_positive", mean(masks.positive)},
          {"mean_negative", mean(masks.negative)}};
}

void check_classes(const char* op, const Tensor& labels, std::int64_t classes) {
  if (labels.device() != Device{}) return;
  const std::vector<std::int64_t> y = labels.to_vector<std::int64_t>();
  for (std::size_t i = 0; i < y.size(); ++i)
    if (y[i] < 0 || y[i] >= classes)
      throw Error(ErrorKind::Usage, op,
                  "label " + std::to_string(y[i]) + " at row " + std::to_string(i) + " has no class: there are " +
                      std::to_string(classes),
                  "labels count from 0 to classes - 1");
}

std::int64_t check_proxies(const char* op, const Variable& f, const Variable& proxies, const Tensor& labels,
                           std::int64_t per_class) {
  check_labels(op, f.value(), labels);
  const bool fits = f.dim(0) > 0 && proxies.value().rank() == 2 && proxies.dim(1) == f.dim(1) && per_class > 0 &&
                    proxies.dim(0) % per_class == 0 && proxies.dim(0) / per_class > 1;
  if (!fits)
    throw Error(ErrorKind::Usage, op,
                "proxies must be classes * " + std::to_string(per_class) +
                    ",D of at least two classes, for N,D embeddings with N > 0: embeddings " + describe(f.value()) +
                    ", proxies " + describe(proxies.value()));
  const std::int64_t classes = proxies.dim(0) / per_class;
  check_classes(op, labels, classes);
  return classes;
}

void check_class_setup(const std::string& loss, const LossSetup& setup) {
  if (setup.classes < 2 || setup.embedding < 1)
    throw Error(ErrorKind::Usage, "loss " + loss,
                "it needs two classes and an embedding: " + std::to_string(setup.classes) + " classes, embedding of " +
                    std::to_string(setup.embedding) + " numbers",
                "train on a data set with at least two class folders");
}

ProxyLoss::ProxyLoss(std::string name, const LossSetup& setup, Function function, std::int64_t per_class)
    : name_(std::move(name)), function_(std::move(function)) {
  check_class_setup(name_, setup);
  Generator g = Generator::of({setup.seed, 0x70726f78696573});  // "proxies"
  const double spread = 1 / std::sqrt(static_cast<double>(setup.embedding));
  proxies_ = &parameter("proxies", rand_normal({setup.classes * per_class, setup.embedding}, g, 0, spread));
}

}  // namespace fledge
