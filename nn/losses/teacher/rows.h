// What the losses on embeddings of student and teacher share. Private to nn/losses/teacher/.
#pragma once
#include "autograd/variable.h"

namespace fledge {

/// Throws Error(Usage) unless f and g are N,D and N,D' with the same N > 0.
void check_teacher_rows(const char* op, const Tensor& f, const Tensor& g);
/// The same, and N of at least two: a batch of one picture has no pairs.
void check_teacher_pairs(const char* op, const Tensor& f, const Tensor& g);

/// Mean over the pairs i != j of a matrix with a zero diagonal.
Variable pair_mean(const Variable& matrix);
/// Huber with delta 1, elementwise: e^2 / 2 where |e| < 1, else |e| - 1/2.
Variable huber(const Variable& e);
/// D / mean of D off the diagonal. The mean is part of the graph (Park et al. 2019, eq. 5: mu depends on the batch).
Variable over_mean(const Variable& d);
/// n,n of the dtype and device of `like`: 0 on the diagonal, 1 elsewhere.
Variable off_diagonal(std::int64_t n, const Tensor& like);

}  // namespace fledge
