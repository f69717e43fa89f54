// Differentiable elementwise functions and broadcasting arithmetic (kernels/api/eltwise.h, tensor/ops/eltwise.h).
#pragma once
#include "autograd/variable.h"
#include "kernels/api/eltwise.h"

namespace fledge {

class Generator;

Variable relu(const Variable& x);
Variable relu6(const Variable& x);
Variable exp(const Variable& x);
Variable log(const Variable& x);
Variable sqrt(const Variable& x);  // gradient at 0 is 0
Variable square(const Variable& x);
Variable abs(const Variable& x);  // gradient at 0 is 0
Variable softplus(const Variable& x);
Variable clamp(const Variable& x, double low, double high);
Variable affine(const Variable& x, double scale, double shift);
Variable add(const Variable& a, const Variable& b);
Variable sub(const Variable& a, const Variable& b);
Variable mul(const Variable& a, const Variable& b);
Variable div(const Variable& a, const Variable& b);
/// Identity when p is 0; the caller decides about training.
Variable dropout(const Variable& x, double p, Generator& generator);
/// Conversion of the value; the gradient is converted back.
Variable cast(const Variable& x, DType dtype);

inline Variable operator+(const Variable& a, const Variable& b) { return add(a, b); }
inline Variable operator-(const Variable& a, const Variable& b) { return sub(a, b); }
inline Variable operator*(const Variable& a, const Variable& b) { return mul(a, b); }
inline Variable operator/(const Variable& a, const Variable& b) { return div(a, b); }
inline Variable operator*(double s, const Variable& x) { return affine(x, s, 0); }
inline Variable operator*(const Variable& x, double s) { return affine(x, s, 0); }
inline Variable operator+(const Variable& x, double s) { return affine(x, 1, s); }
inline Variable operator-(const Variable& x, double s) { return affine(x, 1, -s); }
inline Variable operator-(const Variable& x) { return affine(x, -1, 0); }

}  // namespace fledge
