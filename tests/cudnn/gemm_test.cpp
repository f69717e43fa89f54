// The row-major product in cuBLAS's column-major terms: what describe_product() says, computed by plain loops, is what
// kernels/ref computes.
#include <catch2/catch.hpp>

#include <vector>

#include "kernels/cudnn/gemm.h"
#include "kernels/ref/table.h"

namespace fledge::test {
namespace {

using cudnn::GemmKey;
using cudnn::GemmPlan;

struct Layout {
  std::uint64_t rows = 0, columns = 0;
  std::int64_t step = 0;  // from one column to the next

  explicit Layout(const cudnn::LtLayout& l) {
    cublasLtMatrixLayoutGetAttribute(l.get(), CUBLASLT_MATRIX_LAYOUT_ROWS, &rows, sizeof rows, nullptr);
    cublasLtMatrixLayoutGetAttribute(l.get(), CUBLASLT_MATRIX_LAYOUT_COLS, &columns, sizeof columns, nullptr);
    cublasLtMatrixLayoutGetAttribute(l.get(), CUBLASLT_MATRIX_LAYOUT_LD, &step, sizeof step, nullptr);
  }
};

cublasOperation_t operation(const GemmPlan& plan, cublasLtMatmulDescAttributes_t which) {
  cublasOperation_t op{};
  cublasLtMatmulDescGetAttribute(plan.product.get(), which, &op, sizeof op, nullptr);
  return op;
}

float element(const float* data, const Layout& l, cublasOperation_t op, std::uint64_t row, std::uint64_t column) {
  if (op == CUBLAS_OP_T) std::swap(row, column);
  REQUIRE(row < l.rows);
  REQUIRE(column < l.columns);
  return data[row + column * l.step];
}

/// As cublasLtMatmul would with first = b, second = a.
std::vector<float> by_description(const GemmPlan& plan, const GemmKey& key, const float* a, const float* b) {
  const Layout first(plan.first), second(plan.second), result(plan.result);
  const auto op_first = operation(plan, CUBLASLT_MATMUL_DESC_TRANSA);
  const auto op_second = operation(plan, CUBLASLT_MATMUL_DESC_TRANSB);
  std::vector<float> c(key.m * key.n, -1.0f);
  for (std::uint64_t row = 0; row < result.rows; ++row)
    for (std::uint64_t column = 0; column < result.columns; ++column) {
      double sum = 0;
      for (std::int64_t i = 0; i < key.k; ++i)
        sum += element(b, first, op_first, row, i) * element(a, second, op_second, i, column);
      c.at(row + column * result.step) = static_cast<float>(sum);
    }
  return c;
}

TensorView matrix(std::vector<float>& data, std::int64_t rows, std::int64_t columns) {
  TensorView v;
  v.data = data.data();
  v.dims = {rows, columns};
  v.strides = contiguous_strides(v.dims);
  return v;
}

}  // namespace

TEST_CASE("cuBLAS is told the same product as the reference computes") {
  for (const bool transpose_a : {false, true})
    for (const bool transpose_b : {false, true})
      for (const auto& [m, n, k] : {std::array<std::int64_t, 3>{2, 3, 5}, {7, 1, 3}, {1, 4, 1}, {5, 5, 5}}) {
        std::vector<float> a(m * k), b(k * n), expected(m * n);
        for (std::size_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(i % 7) - 2;
        for (std::size_t i = 0; i < b.size(); ++i) b[i] = static_cast<float>(i % 5) - 1;
        ExecContext ctx(1);
        ref::ref_table<float>().gemm.matmul(
            ctx, transpose_a ? matrix(a, k, m) : matrix(a, m, k), transpose_b ? matrix(b, n, k) : matrix(b, k, n),
            nullptr, matrix(expected, m, n), {.transpose_a = transpose_a, .transpose_b = transpose_b});
        const GemmKey key{.m = m, .n = n, .k = k, .transpose_a = transpose_a, .transpose_b = transpose_b};
        const GemmPlan plan = cudnn::describe_product(key);
        INFO(describe(key));
        CHECK(by_description(plan, key, a.data(), b.data()) == expected);
      }
}

TEST_CASE("TF32 products only where the key asks for them") {
  for (const bool tf32 : {false, true}) {
    const GemmPlan plan = cudnn::describe_product({.m = 4, .n = 4, .k = 4, .tf32 = tf32});
    cublasComputeType_t type{};
    cublasLtMatmulDescGetAttribute(plan.product.get(), CUBLASLT_MATMUL_DESC_COMPUTE_TYPE, &type, sizeof type, nullptr);
    CHECK(type == (tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F));
  }
}

}  // namespace fledge::test
