#include "nn/losses/teacher/rows.h"

#include "autograd/ops/eltwise.h"
#include "autograd/ops/reduce.h"
#include "base/error.h"
#include "tensor/creation.h"

namespace fledge {

void check_teacher_rows(const char* op, const Tensor& f, const Tensor& g) {
  const bool fits = g.defined() && f.rank() == 2 && g.rank() == 2 && f.dim(0) == g.dim(0) && f.dim(0) > 0;
  if (!fits)
    throw Error(ErrorKind::Usage, op,
                "student and teacher embeddings must be N,D of the same N > 0 pictures: student " + describe(f) +
                    ", teacher " + (g.defined() ? describe(g) : std::string("missing")));
}

void check_teacher_pairs(const char* op, const Tensor& f, const Tensor& g) {
  check_teacher_rows(op, f, g);
  if (f.dim(0) < 2)
    throw Error(ErrorKind::Usage, op, "a batch of one picture has no pairs", "use a batch of at least two");
}

Variable pair_mean(const Variable& matrix) {
  const double n = static_cast<double>(matrix.dim(0));
  return affine(sum(matrix), 1 / (n * (n - 1)), 0);
}

Variable huber(const Variable& e) {
  // With c = min(|e|, 1) both branches are c * (|e| - c / 2).
  const Variable size = abs(e), c = clamp(size, 0, 1);
  return c * (size - 0.5 * c);
}

Variable over_mean(const Variable& d) { return d / pair_mean(d); }

Variable off_diagonal(std::int64_t n, const Tensor& like) {
  // The elements of the diagonal are n + 1 apart: the first column of a matrix with rows of that length.
  const Tensor marks = ones({n * (n + 1)}, like.dtype(), Layout::Contiguous, like.device());
  marks.reshape({n, n + 1}).slice(1, 0, 1).fill(0);
  return Variable(marks.slice(0, 0, n * n).reshape({n, n}));
}

}  // namespace fledge
