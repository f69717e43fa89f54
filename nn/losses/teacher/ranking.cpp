#include "nn/losses/teacher/ranking.h"

#include <algorithm>
#include <numeric>

#include "autograd/ops/ops.h"
#include "nn/losses/counts.h"
#include "nn/losses/function_loss.h"
#include "nn/losses/teacher/rows.h"
#include "tensor/creation.h"
#include "tensor/ops/distance.h"
#include "tensor/ops/eltwise.h"
#include "tensor/ops/reduce.h"

namespace fledge {
namespace {

constexpr double kAbsent = -1e30;  // a score whose exponential is 0, and whose difference from others is still a number

/// The `length` nearest others of each row, nearest first, as columns of d: n,L.
Tensor nearest_others(const Tensor& d, std::int64_t length) {
  constexpr double kFar = 1e30;
  const Tensor own_far = affine(off_diagonal(d.dim(0), d).value(), -kFar, kFar);
  return row_top_k(add(d, own_far), length, false).index;
}

/// Distances of the lists: n,L.
Variable listed(const Variable& d, const Tensor& lists) {
  const std::int64_t n = d.dim(0);
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

/// Share of the lists' pairs whose scores do not rise.
LoggedNumber agreement(const Tensor& scores) {
  const std::int64_t n = scores.dim(0), length = scores.dim(1);
  if (length < 2) return 1;
  Tensor same;
  for (std::int64_t a = 0; a + 1 < length; ++a) {
    const Tensor ahead = sub(scores.slice(1, a, 1), scores.slice(1, a + 1, length - a - 1));
    const Tensor in_order = sum(not_below_zero(ahead));
    same = same.defined() ? add(same, in_order) : in_order;
  }
  return affine(same, 2 / static_cast<double>(n * length * (length - 1)), 0);
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
  const Tensor lists = nearest_others(dt.value(), length);
  const Variable student = list_scores(ds, lists, options);
  const LoggedNumber rank_agreement = agreement(student.value());
  if (options.form == RankForm::Hard) return {-mean(log_probability(student)), {{"rank_agreement", rank_agreement}}};
  const Variable expected = all_log_probabilities(list_scores(dt, lists, options));
  const Variable divergence = sum(exp(expected) * (expected - all_log_probabilities(student)), {1});
  return {mean(divergence), {{"rank_agreement", rank_agreement}}};
}

LossEntry darkrank_entry() {
  return {"darkrank",
          LossKind::Teacher,
          "each picture's nearest others in the teacher's order (Chen et al. 2018; darkrank-form: hard|soft)",
          {{"darkrank-form", "hard"}, {"darkrank-alpha", "3"}, {"darkrank-beta", "3"}, {"darkrank-length", "4"}},
          [](const OptionReader& read, const LossSetup&) {
            RankOptions rank;
            rank.form = static_cast<RankForm>(read.choice("darkrank-form", {"hard", "soft"}));
            rank.alpha = read.number("darkrank-alpha", 1e-6);
            rank.beta = read.number("darkrank-beta", 1e-6);
            rank.length = static_cast<int>(read.whole_number("darkrank-length", 1, 1000));
            check_options(rank);
            // soft: its tables are the host's.
            return loss_of_teacher(
                read.loss(), [rank](const Variable& f, const Tensor& g) { return darkrank(f, g, rank); },
                rank.form == RankForm::Hard);
          }};
}

}  // namespace fledge
