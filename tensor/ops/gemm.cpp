#include "tensor/ops/gemm.h"

#include <optional>

#include "tensor/ops/call/check.h"
#include "tensor/ops/call/dispatch.h"
#include "tensor/ops/call/layout.h"

namespace fledge {

namespace {

// A transposed view of a row-major matrix needs no copy: the kernel transposes as it reads.
bool is_transposed(const Tensor& t) {
  return !t.is_contiguous() && strides_contiguous({t.dim(1), t.dim(0)}, {t.strides()[1], t.strides()[0]});
}

// The product of zero terms: the bias alone.
Tensor empty_product(Tensor c, const Tensor& bias) {
  if (bias.defined())
    c.copy_from(bias.expand(c.dims()));
  else
    c.fill(0);
  return c;
}

Tensor product(const char* op, const Tensor& a, const Tensor& b, const Tensor& bias, MatmulParams params) {
  const auto matmul = kernel<&KernelTable::gemm, &GemmKernels::matmul>(op, a);
  if (is_transposed(a)) {
    params.transpose_a = !params.transpose_a;
    return product(op, a.transpose(0, 1), b, bias, params);
  }
  if (is_transposed(b)) {
    params.transpose_b = !params.transpose_b;
    return product(op, a, b.transpose(0, 1), bias, params);
  }
  const std::int64_t m = a.dim(params.transpose_a ? 1 : 0), k = a.dim(params.transpose_a ? 0 : 1);
  const std::int64_t n = b.dim(params.transpose_b ? 0 : 1);
  Tensor c = Tensor::empty({m, n}, a.dtype(), Layout::Contiguous, a.device());
  if (c.numel() == 0) return c;
  if (k == 0) return empty_product(c, bias);
  const ContiguousArg left(op, "left operand", a), right(op, "right operand", b);
  std::optional<ContiguousArg> row;
  if (bias.defined()) row.emplace(op, "bias", bias);
  matmul(context(), left, right, row ? &row->view() : nullptr, c.view(), params);
  return c;
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b, bool transpose_a, bool transpose_b) {
  constexpr const char* op = "matmul";
  check::rank(op, {a, "left operand"}, 2);
  check::rank(op, {b, "right operand"}, 2);
  check::same_kind(op, {a, "left operand"}, {b, "right operand"});
  if (a.dim(transpose_a ? 0 : 1) != b.dim(transpose_b ? 1 : 0)) [[unlikely]] {
    check::fail(op,
                std::string("inner sizes differ: left operand ") + to_string(a.dims()) +
                    (transpose_a ? " transposed" : "") + ", right operand " + to_string(b.dims()) +
                    (transpose_b ? " transposed" : ""),
                "transpose_a and transpose_b turn an operand round");
  }
  return product(op, a, b, {}, {.transpose_a = transpose_a, .transpose_b = transpose_b});
}

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias) {
  constexpr const char* op = "linear";
  check::rank(op, {x, "input"}, 2);
  check::rank(op, {w, "weight"}, 2);
  check::same_kind(op, {x, "input"}, {w, "weight"});
  if (x.dim(1) != w.dim(1)) [[unlikely]] {
    check::fail(op,
                "input has " + std::to_string(x.dim(1)) + " features but weight expects " + std::to_string(w.dim(1)) +
                    ": input " + to_string(x.dims()) + ", weight " + to_string(w.dims()),
                "weight is outputs x inputs");
  }
  if (bias.defined()) check::fits(op, {x, "input"}, {bias, "bias"}, {w.dim(0)}, "one per output");
  return product(op, x, w, bias, {.transpose_b = true, .b_is_weight = true});
}

}  // namespace fledge
