// Elementwise functions and broadcasting arithmetic (kernels/api/eltwise.h has formulas and gradients).
// Binary: dims are aligned at the last axis and must be equal or 1 (NumPy rules);
// dtypes must be equal. Scalars enter as double.
#pragma once
#include "kernels/api/eltwise.h"
#include "tensor/tensor.h"

namespace fledge {

Tensor unary(UnaryOp op, const Tensor& x, const UnaryParams& params = {});
Tensor unary_backward(UnaryOp op, const Tensor& dy, const Tensor& x, const Tensor& y, const UnaryParams& params = {});

Tensor relu(const Tensor& x);
Tensor relu6(const Tensor& x);
Tensor exp(const Tensor& x);
Tensor log(const Tensor& x);
Tensor sqrt(const Tensor& x);
Tensor square(const Tensor& x);
Tensor abs(const Tensor& x);
Tensor softplus(const Tensor& x);
Tensor clamp(const Tensor& x, double low, double high);
/// scale * x + shift
Tensor affine(const Tensor& x, double scale, double shift);

Tensor binary(BinaryOp op, const Tensor& a, const Tensor& b);
Tensor add(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor div(const Tensor& a, const Tensor& b);
/// a += b (same dims), in place; bumps a's version.
void add_(const Tensor& a, const Tensor& b);
/// Sum over the axes along which `dims` was broadcast to t's dims: the adjoint of broadcasting.
Tensor sum_to(const Tensor& t, const Dims& dims);
/// The dims that a and b broadcast to; throws Error(Usage) naming both.
Dims broadcast_dims(const Dims& a, const Dims& b, const char* op);

/// Keeps each element with probability 1-p, scaled by 1/(1-p): the mask (0 or 1/(1-p)), to be multiplied with x.
class Generator;
Tensor dropout_mask(const Tensor& like, double p, Generator& generator);

}  // namespace fledge
