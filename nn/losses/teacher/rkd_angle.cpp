// The angles of all triples as one node: the composition would hold n^3 cosines and n^2 D differences. Every product
// comes from the squared distances q by the law of cosines, <x_j - x_i, x_k - x_i> = (q_ij + q_ik - q_jk) / 2, for all
// j and k and a block of anchors i at once.
#include <algorithm>
#include <limits>

#include "autograd/node.h"
#include "autograd/ops/with_gradient.h"
#include "nn/losses/counts.h"
#include "nn/losses/function_loss.h"
#include "nn/losses/teacher/rkd.h"
#include "nn/losses/teacher/rows.h"
#include "tensor/creation.h"
#include "tensor/ops/distance.h"
#include "tensor/ops/eltwise.h"
#include "tensor/ops/gather.h"
#include "tensor/ops/gemm.h"
#include "tensor/ops/reduce.h"

namespace fledge {
namespace {

constexpr double kLeastSquare = 1e-12;  // the clamp of every squared distance in nn/losses

/// Elements of a block's matrices: on the CPU they stay in the cache, on a device they are few launches.
std::int64_t block_size(Device device) { return device == Device{} ? std::int64_t{1} << 14 : std::int64_t{1} << 22; }

Tensor centered(const Tensor& x) { return sub(x, mean(x, {0}, true)); }

/// Halves of squared distances between rows, inverse distances, and 1 where there is a direction: n,n.
struct Sides {
  Tensor half_square, inverse, directed;

  explicit Sides(const Tensor& x) {
    const Tensor square = pairwise_distance(x, x, {.squared = true});
    directed = above_zero(affine(square, 1, -kLeastSquare));
    half_square = affine(square, 0.5, 0);
    inverse = div(directed, sqrt(clamp(square, kLeastSquare, std::numeric_limits<double>::infinity())));
  }
};

/// Of anchors first ... first + count - 1: 1 / (d_ij d_ik), and its product with what the law of cosines gives.
struct Cosines {
  Tensor scale, cosine;  // count,n,n

  Cosines(const Sides& s, std::int64_t first, std::int64_t count) {
    const std::int64_t n = s.inverse.dim(0);
    const Tensor r = s.inverse.slice(0, first, count), h = s.half_square.slice(0, first, count);
    const Dims j{count, n, 1}, k{count, 1, n};
    scale = mul(r.reshape(j), r.reshape(k));
    cosine = mul(scale, sub(add(h.reshape(j), h.reshape(k)), s.half_square.reshape({1, n, n})));
  }
};

void accumulate(Tensor& total, const Tensor& part) { total = total.defined() ? add(total, part) : part; }

/// From derivatives by the squared distances q_ij (n,n) to the gradient of the rows: sum_j 2 (w_ij + w_ji) (x_i - x_j).
Tensor rows_gradient(const Tensor& x, const Tensor& slopes, double scale) {
  const Tensor both = add(slopes, slopes.transpose(0, 1));
  return affine(sub(mul(sum(both, {1}, true), x), matmul(both, x)), 2 * scale, 0);
}

struct AngleSums {
  Tensor value, error;  // 0-d: the loss, and the mean over ijk of |cos^S - cos^T|
  Tensor gradient;      // N,D: of value by f; undefined unless asked for
};

/// f: N,D  g: N,D' of the same dtype. Memory is a few blocks, or n^2, whichever is more.
AngleSums angle_sums(const Tensor& f, const Tensor& g, bool with_gradient) {
  const std::int64_t n = f.dim(0), block = std::clamp<std::int64_t>(block_size(f.device()) / (n * n), 1, n);
  const Tensor x = centered(f);
  const Sides student(x), teacher(centered(g));
  const Tensor others = off_diagonal(n, x).value().reshape({1, n, n});
  // j with itself has cosine 1, or 0 without direction: kept out of the sums below, where it would only add rounding.
  const Tensor own = abs(sub(student.directed, teacher.directed));
  Tensor value = affine(sum(own), 0.5, 0), error = sum(own), opposite;
  std::vector<Tensor> at_anchor;
  for (std::int64_t first = 0; first < n; first += block) {
    const std::int64_t count = std::min(block, n - first);
    const Cosines s(student, first, count), t(teacher, first, count);
    const Tensor e = mul(sub(s.cosine, t.cosine), others), slope = clamp(e, -1, 1);  // Huber's slope
    accumulate(value, sum(mul(slope, sub(e, affine(slope, 0.5, 0)))));
    accumulate(error, sum(abs(e)));
    if (!with_gradient) continue;
    const Tensor product = mul(slope, s.scale), angle = sum(mul(slope, s.cosine), {2});
    const Tensor inverse = student.inverse.slice(0, first, count);
    accumulate(opposite, sum(product, {0}));
    at_anchor.push_back(sub(sum(product, {2}), mul(square(inverse), angle)));
  }
  const double scale = 1 / (static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(n));
  AngleSums sums{affine(value, scale, 0), affine(error, scale, 0), {}};
  if (with_gradient) sums.gradient = rows_gradient(x, sub(concat(at_anchor, 0), affine(opposite, 0.5, 0)), scale);
  return sums;
}

}  // namespace

LossOutput rkd_angle(const Variable& f, const Tensor& g) {
  check_teacher_pairs("rkd_angle", f.value(), g);
  const AngleSums sums = angle_sums(f.value(), g.to(f.value().dtype()), wants_graph({&f}));
  return {with_gradient(sums.value, f, sums.gradient), {{"angle_error", sums.error}}};
}

LossEntry rkd_angle_entry() {
  return {"rkd-angle",
          LossKind::Teacher,
          "angles of all triples of pictures near the teacher's (Park et al. 2019)",
          {},
          [](const OptionReader& read, const LossSetup&) { return loss_of_teacher(read.loss(), rkd_angle); }};
}

}  // namespace fledge
