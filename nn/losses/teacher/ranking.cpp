#include "nn/losses/teacher/ranking.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "autograd/ops/ops.h"
#include "nn/losses/entries.h"
#include "nn/losses/teacher/rows.h"
#include "tensor/creation.h"
#include "tensor/ops/distance.h"
#include "tensor/ops/eltwise.h"
#include "tensor/ops/reduce.h"

namespace fledge {
namespace {

constexpr double kAbsent = -1e30;  // a score whose exponential is 0, and whose difference from others is still a number

/// The `length` nearest others of each row, nearest first: positions in the n,n matrix d, row by row.
Tensor nearest_others(const Tensor& d, std::int64_t length) {
  const std::int64_t n = d.dim(0);
  const std::vector<double> distances = d.to_vector<double>();
  std::vector<std::int64_t> lists, order;
  for (std::int64_t i = 0; i < n; ++i) {
    order.resize(static_cast<std::size_t>(n));
    std::iota(order.begin(), order.end(), i * n);
    order.erase(order.begin() + i);
    const auto nearer = [&](std::int64_t a, std::int64_t b) {
      const double da = distances[static_cast<std::size_t>(a)], db = distances[static_cast<std::size_t>(b)];
      return da != db ? da < db : a < b;
    };
    std::partial_sort(order.begin(), order.begin() + length, order.end(), nearer);
    lists.insert(lists.end(), order.begin(), order.begin() + length);
  }
  return from_vector(lists, {n * length});
}

/// The same on a device, as columns of d: n,L.
Tensor nearest_others_on_device(const Tensor& d, std::int64_t length) {
  constexpr double kFar = 1e30;
  const Tensor own_far = affine(off_diagonal(d.dim(0), d).value(), -kFar, kFar);
  return row_top_k(add(d, own_far), length, false).index;
}

/// Distances of the lists: n,L. lists: positions or columns.
Variable listed(const Variable& d, const Tensor& lists) {
  const std::int64_t n = d.dim(0);
  if (lists.rank() == 1) return reshape(index_select(reshape(d, {n * n, 1}), lists), {n, lists.dim(0) / n});
  std::vector<Variable> columns;
  for (std::int64_t m = 0; m < lists.dim(1); ++m)
    columns.push_back(reshape(take_along_row(d, lists.slice(1, m, 1).contiguous().reshape({n})), {n, 1}));
  return concat(columns, 1);
}

/// Scores of the lists: n,L.
Variable list_scores(const Variable& d, const Tensor& lists, const RankOptions& options) {
  // Listed distances are never below the clamp of 1e-6, so the logarithm is finite.
  return affine(exp(affine(log(listed(d, lists)), options.beta, 0)), -options.alpha, 0);
}

/// log P of the order in which the columns stand: n.
Variable log_probability(const Variable& scores) {
  Variable total = sum(scores, {1});
  const std::int64_t length = scores.dim(1);
  for (std::int64_t m = 0; m < length; ++m) total = total - log_sum_exp(slice(scores, 1, m, length - m));
  return total;
}

/// log P of all orders: n,L!. The denominators depend only on which members are left, not on their order: there are
/// 2^L - 1 sets, numbered by their bits, and log P = sum of scores - sum of the L denominators that an order meets.
Variable all_log_probabilities(const Variable& scores) {
  const std::int64_t n = scores.dim(0), length = scores.dim(1), sets = (std::int64_t{1} << length) - 1;
  const auto count = static_cast<std::size_t>(sets);
  std::vector<double> absent, met;  // sets,L: 0 for members; orders,sets: 1 for sets that the order meets
  for (std::int64_t set = 1; set <= sets; ++set)
    for (std::int64_t k = 0; k < length; ++k) absent.push_back(set >> k & 1 ? 0 : kAbsent);
  std::vector<int> order(static_cast<std::size_t>(length));
  std::iota(order.begin(), order.end(), 0);
  std::int64_t orders = 0;
  do {
    met.resize(met.size() + count, 0);
    double* row = met.data() + met.size() - count;
    std::int64_t left = sets;
    for (int k : order) {
      row[left - 1] = 1;
      left &= ~(std::int64_t{1} << k);
    }
    ++orders;
  } while (std::next_permutation(order.begin(), order.end()));

  const DType dtype = scores.value().dtype();
  const Device device = scores.value().device();
  const Variable masks(from_vector(absent, {1, sets, length}).to(dtype).to(device));
  const Variable meets(from_vector(met, {orders, sets}).to(dtype).to(device));
  const Variable members = reshape(scores, {n, 1, length}) + masks;
  const Variable denominators = reshape(log_sum_exp(reshape(members, {n * sets, length})), {n, sets});
  return sum(scores, {1}, true) - matmul(denominators, meets, false, true);
}

LoggedNumber agreement_on_device(const Tensor& scores) {
  const std::int64_t n = scores.dim(0), length = scores.dim(1);
  if (length < 2) return 1;
  LoggedNumber same = 0;
  for (std::int64_t a = 0; a + 1 < length; ++a) {
    const Tensor ahead = sub(scores.slice(1, a, 1), scores.slice(1, a + 1, length - a - 1));
    same = plus(same, total_of(not_below_zero(ahead)));
  }
  return times(same, 2 / static_cast<double>(n * length * (length - 1)));
}

LoggedNumber agreement(const Tensor& scores) {
  if (!on_host(scores)) return agreement_on_device(scores);
  const std::vector<double> s = scores.to_vector<double>();
  const std::size_t length = static_cast<std::size_t>(scores.dim(1));
  double pairs = 0, same = 0;
  for (std::size_t row = 0; row < s.size(); row += length)
    for (std::size_t a = 0; a < length; ++a)
      for (std::size_t b = a + 1; b < length; ++b) pairs += 1, same += s[row + a] >= s[row + b];
  return pairs > 0 ? same / pairs : 1;
}

void check_options(const RankOptions& options) {
  if (options.length < 1 || (options.form == RankForm::Soft && options.length > kLongestSoftList))
    throw Error(
        ErrorKind::Usage, "darkrank",
        "lists of " + std::to_string(options.length) + " pictures, form " +
            (options.form == RankForm::Soft ? "soft" : "hard"),
        "lists have at least 1 picture; soft compares all orders, so at most " + std::to_string(kLongestSoftList));
}

}  // namespace

LossOutput darkrank(const Variable& f, const Tensor& g, const RankOptions& options) {
  check_teacher_pairs("darkrank", f.value(), g);
  check_options(options);
  const Tensor teacher = g.to(f.value().dtype());
  const Variable ds = pairwise_distance(f, f), dt(pairwise_distance(teacher, teacher));
  const std::int64_t length = std::min<std::int64_t>(options.length, f.dim(0) - 1);
  const Tensor lists =
      on_host(teacher) ? nearest_others(dt.value(), length) : nearest_others_on_device(dt.value(), length);
  const Variable student = list_scores(ds, lists, options);
  const LoggedNumber rank_agreement = agreement(student.value());
  if (options.form == RankForm::Hard) return {-mean(log_probability(student)), {{"rank_agreement", rank_agreement}}};
  const Variable expected = all_log_probabilities(list_scores(dt, lists, options));
  const Variable divergence = sum(exp(expected) * (expected - all_log_probabilities(student)), {1});
  return {mean(divergence), {{"rank_agreement", rank_agreement}}};
}

namespace {

class DarkRankLoss : public Loss {
 public:
  explicit DarkRankLoss(const RankOptions& options) : options_(options) {}
  const char* name() const override { return "darkrank"; }
  LossNeeds needs() const override { return {.teacher_embedding = true}; }
  bool runs_on_device() const override { return options_.form == RankForm::Hard; }  // soft: its tables are the host's
  LossOutput forward(const LossInput& input) const override {
    return darkrank(input.student.embedding, teacher_embedding(input, name()), options_);
  }

 private:
  RankOptions options_;
};

std::shared_ptr<Loss> make_darkrank(const LossOptions& options, const LossSetup&) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const OptionReader read("darkrank", options);
  RankOptions rank;
  rank.form = static_cast<RankForm>(read.choice("darkrank-form", {"hard", "soft"}));
  rank.alpha = read.number("darkrank-alpha", 1e-6, kInfinity);
  rank.beta = read.number("darkrank-beta", 1e-6, kInfinity);
  const double length = read.number("darkrank-length", 1, 1000);
  rank.length = static_cast<int>(length);
  if (rank.length != length)
    throw Error(ErrorKind::Usage, "loss darkrank", "darkrank-length is '" + options.at("darkrank-length") + "'",
                "it must be a whole number");
  check_options(rank);
  return std::make_shared<DarkRankLoss>(rank);
}

}  // namespace

LossEntries ranking_entries() {
  return {{"darkrank",
           {LossKind::Teacher,
            "each picture's nearest others in the teacher's order (Chen et al. 2018; darkrank-form: hard|soft)",
            {{"darkrank-form", "hard"}, {"darkrank-alpha", "3"}, {"darkrank-beta", "3"}, {"darkrank-length", "4"}},
            make_darkrank}}};
}

}  // namespace fledge
