#include "nn/losses/pairs/margin.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "autograd/ops/ops.h"
#include "nn/losses/classes/class_proxies.h"
#include "nn/losses/function_loss.h"
#include "nn/losses/pairs/pair_batch.h"
#include "tensor/creation.h"
#include "tensor/ops/eltwise.h"
#include "tensor/ops/reduce.h"
#include "tensor/random.h"

namespace fledge {
namespace {

constexpr double kNearest = 0.5, kFarthest = 1.4;  // the authors' code

struct Neighbors {
  std::vector<std::size_t> positive, negative;
};

Neighbors neighbors_of(std::size_t a, const std::vector<std::int64_t>& y) {
  Neighbors found;
  for (std::size_t j = 0; j < y.size(); ++j)
    if (j != a) (y[j] == y[a] ? found.positive : found.negative).push_back(j);
  return found;
}

PairCounts no_pairs(const Tensor& labels) {
  const Dims square{labels.dim(0), labels.dim(0)};
  return {zeros(square, DType::Float64), zeros(square, DType::Float64)};
}

/// log 1/q(D), without its constant.
double log_weight(double d, double k) {
  d = std::max(d, kNearest);
  return (2 - k) * std::log(d) - (k - 3) / 2 * std::log(1 - d * d / 4);
}

/// Running sums of the weights of an anchor's negatives; the last is 0 when none may be drawn.
std::vector<double> running_weights(const double* distances, const std::vector<std::size_t>& negatives, double k) {
  double largest = -std::numeric_limits<double>::infinity();
  for (std::size_t j : negatives)
    if (distances[j] < kFarthest) largest = std::max(largest, log_weight(distances[j], k));
  std::vector<double> sums;
  double sum = 0;
  for (std::size_t j : negatives) {
    if (distances[j] < kFarthest) sum += std::exp(log_weight(distances[j], k) - largest);
    sums.push_back(sum);
  }
  return sums;
}

void check(const Variable& d, const Variable& beta, const Tensor& labels, double margin, const PairCounts& counts) {
  check_labels("margin_loss", d.value(), labels);
  const Dims square{labels.dim(0), labels.dim(0)};
  if (d.dims() != square || counts.positive.dims() != square || counts.negative.dims() != square)
    throw Error(ErrorKind::Usage, "margin_loss",
                "distances and counts must be N,N for N labels: distances " + describe(d.value()) + ", counts " +
                    describe(counts.positive) + " and " + describe(counts.negative) + ", labels " + describe(labels));
  if (beta.value().rank() != 1 || beta.dim(0) < 1)
    throw Error(ErrorKind::Usage, "margin_loss",
                "beta must be one number, or one for each class: " + describe(beta.value()));
  if (beta.dim(0) > 1) check_classes("margin_loss", labels, beta.dim(0));
  if (!(margin >= 0))
    throw Error(ErrorKind::Usage, "margin_loss", "margin is " + std::to_string(margin), "it must be at least 0");
}

/// Each anchor's beta, to be broadcast over its row: 1,1 or N,1.
Variable beta_of_anchors(const Variable& beta, const Tensor& labels) {
  const Variable column = reshape(beta, {beta.dim(0), 1});
  return beta.dim(0) == 1 ? column : index_select(column, labels);
}

}  // namespace

PairCounts every_triplet_pairs(const Tensor& labels) {
  const std::vector<std::int64_t> y = labels.to_vector<std::int64_t>();
  PairCounts counts = no_pairs(labels);
  double* positive = counts.positive.data<double>();
  double* negative = counts.negative.data<double>();
  for (std::size_t a = 0; a < y.size(); ++a, positive += y.size(), negative += y.size()) {
    const Neighbors of_anchor = neighbors_of(a, y);
    for (std::size_t p : of_anchor.positive) positive[p] = static_cast<double>(of_anchor.negative.size());
    for (std::size_t n : of_anchor.negative) negative[n] = static_cast<double>(of_anchor.positive.size());
  }
  return counts;
}

PairCounts distance_weighted_pairs(const Tensor& distances, const Tensor& labels, std::int64_t k,
                                   Generator& generator) {
  check_labels("distance_weighted_pairs", distances, labels);
  if (distances.dim(1) != distances.dim(0))
    throw Error(ErrorKind::Usage, "distance_weighted_pairs", "distances must be N,N: " + describe(distances));
  const std::vector<std::int64_t> y = labels.to_vector<std::int64_t>();
  const std::vector<double> d = distances.to_vector<double>();
  PairCounts counts = no_pairs(labels);
  double* positive = counts.positive.data<double>();
  double* negative = counts.negative.data<double>();
  for (std::size_t a = 0; a < y.size(); ++a, positive += y.size(), negative += y.size()) {
    const Neighbors of_anchor = neighbors_of(a, y);
    if (of_anchor.positive.empty() || of_anchor.negative.empty()) continue;
    const std::vector<double> sums = running_weights(&d[a * y.size()], of_anchor.negative, static_cast<double>(k));
    for (std::size_t p : of_anchor.positive) {
      positive[p] = 1;
      if (!(sums.back() > 0)) continue;
      // The first sum above a uniform point of [0, total): never a negative of weight 0, whose sum is the one before.
      const auto drawn = std::upper_bound(sums.begin(), sums.end(), generator.uniform() * sums.back());
      negative[of_anchor.negative[static_cast<std::size_t>(drawn - sums.begin())]] += 1;
    }
  }
  return counts;
}

LossOutput margin_loss(const Variable& distances, const Variable& beta, const Tensor& labels, double margin,
                       const PairCounts& counts) {
  check(distances, beta, labels, margin, counts);
  const DType dtype = distances.value().dtype();
  const Variable beyond = distances - beta_of_anchors(beta, labels);
  const Variable positive = relu(beyond + margin), negative = relu(affine(beyond, -1, margin));
  const Tensor of_positive = counts.positive.to(dtype), of_negative = counts.negative.to(dtype);
  const Tensor active =
      add(sum(mul(above_zero(positive.value()), of_positive)), sum(mul(above_zero(negative.value()), of_negative)));
  LossNumbers numbers = pair_numbers(ratio(active, add(sum(of_positive), sum(of_negative))), distances.value(),
                                     pairs_within("margin_loss", distances, labels));
  numbers.emplace_back("beta", mean(beta.value()));
  return {over(sum(positive * Variable(of_positive)) + sum(negative * Variable(of_negative)), active), numbers};
}

namespace {

struct MarginOptions {
  double margin = 0.2, beta = 1.2;
  bool learnable = true, per_class = false, every_negative = false;
};

class MarginLoss : public Loss {
 public:
  MarginLoss(const MarginOptions& options, const LossSetup& setup) : options_(options), seed_(setup.seed) {
    const Tensor start = full({options.per_class ? setup.classes : 1}, options.beta);
    beta_ = options.learnable ? parameter("beta", start) : Variable(start);
  }
  const char* name() const override { return "margin"; }
  LossNeeds needs() const override { return {.labels = true}; }
  LossOutput forward(const LossInput& input) const override {
    check_labels("margin_loss", input.student.embedding.value(), input.labels);
    const Variable f = l2_normalize(input.student.embedding);
    const Variable d = pairwise_distance(f, f);
    Generator g = Generator::of({seed_, 0x6d617267696e, static_cast<std::uint64_t>(input.step)});  // "margin"
    const Variable beta = cast(to_device(beta_, d.value().device()), d.value().dtype());
    return margin_loss(d, beta, input.labels, options_.margin,
                       options_.every_negative ? every_triplet_pairs(input.labels)
                                               : distance_weighted_pairs(d.value(), input.labels, f.dim(1), g));
  }

 private:
  MarginOptions options_;
  std::uint64_t seed_;
  Variable beta_;
};

std::shared_ptr<Loss> make_margin(const OptionReader& read, const LossSetup& setup) {
  const MarginOptions chosen{.margin = read.number("margin", 0),
                             .beta = read.number("beta", 0, 2),
                             .learnable = read.flag("beta-learnable"),
                             .per_class = read.flag("beta-per-class"),
                             .every_negative = read.choice("sampling", {"distance", "all"}) == 1};
  if (chosen.per_class && setup.classes < 1)
    throw Error(ErrorKind::Usage, "loss margin", "beta-per-class is on but there are no training classes",
                "leave beta-per-class off");
  return std::make_shared<MarginLoss>(chosen, setup);
}

}  // namespace

LossEntry margin_entry() {
  return {"margin",
          LossKind::Metric,
          "positives within beta - margin, negatives beyond beta + margin, beta learnt; negatives drawn by distance "
          "(Wu et al. 2017; sampling: distance|all)",
          {{"margin", "0.2"},
           {"beta", "1.2"},
           {"beta-learnable", "on"},
           {"beta-per-class", "off"},
           {"sampling", "distance"}},
          make_margin};
}

}  // namespace fledge
