// The k best of each row, and which pairs share a label: by hand, and every table against the reference.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "tests/support/cases_rows.h"
#include "tests/support/compare.h"

using namespace fledge;
using namespace fledge::test;
using Values = std::vector<double>;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN(), kInf = std::numeric_limits<double>::infinity();

void check_top_k(const TableUnderTest& t, Operands& make, const Operand& x, std::int64_t k, const char* what) {
  const Dims out{x.oracle.dims()[0], k};
  for (bool largest : {true, false}) {
    Operand value = make.output(out), index = make.output(out, DType::Int64);
    t.table.reduce.row_top_k(t.ctx, largest, x.fast, value.fast, index.fast);
    oracle_table().reduce.row_top_k(t.ctx, largest, x.oracle, value.oracle, index.oracle);
    const std::string label = t.label() + " " + what + " " + to_string(x.oracle.dims()) + " k " + std::to_string(k);
    CHECK(mismatch(label + " value", value, 1, 0) == "");
    CHECK(mismatch(label + " index", index) == "");
  }
}

}  // namespace

TEST_CASE("ref row top k: in order, ties by column, NaN last either way", "[ref][rows]") {
  ExecContext ctx(1);
  const HostTensor x({2, 6}, {3, kNaN, 1, 3, -kInf, 2, 0, -0.0, kInf, kNaN, kNaN, -1});
  HostTensor value({2, 6}, DType::Float64), index({2, 6}, DType::Int64);
  oracle_table().reduce.row_top_k(ctx, true, x, value, index);
  CHECK(index.values() == Values{0, 3, 5, 2, 4, 1, 2, 0, 1, 5, 3, 4});
  CHECK(value.get(0) == 3);
  CHECK(value.get(4) == -kInf);
  CHECK(std::isnan(value.get(5)));
  oracle_table().reduce.row_top_k(ctx, false, x, value, index);
  CHECK(index.values() == Values{4, 2, 5, 0, 3, 1, 5, 0, 1, 2, 3, 4});

  HostTensor two({2, 2}, DType::Float64), at({2, 2}, DType::Int64);
  oracle_table().reduce.row_top_k(ctx, true, x, two, at);
  CHECK(at.values() == Values{0, 3, 2, 0});
  CHECK(two.values() == Values{3, 3, kInf, 0});
}

TEST_CASE("row top k: every k, ties, NaN, infinities, both zeros", "[rows]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 55);
    for (const Dims& dims : matrix_dims())
      for (std::int64_t k : {std::int64_t{1}, std::min<std::int64_t>(2, dims[1]), (dims[1] + 1) / 2, dims[1]}) {
        check_top_k(t, make, make.input(dims), k, "distinct");
        check_top_k(t, make, make.ties(dims, -2, 2), k, "ties");
        Operand x = make.ties(dims, -3, 3);
        for (std::int64_t i = 0; i < dims.numel(); i += 3) {
          const double special[] = {kNaN, -kInf, kInf, -0.0};
          x.fast.set(i, special[i / 3 % 4]);
          x.oracle.set(i, special[i / 3 % 4]);
        }
        check_top_k(t, make, x, k, "special values");
      }
    // More than fit a block's shared memory, and a row of nothing but one value.
    check_top_k(t, make, make.input({3, 5000}), 2500, "long");
    check_top_k(t, make, make.ties({2, 3000}, 0, 0), 2999, "one value");
  });
}

TEST_CASE("ref pair masks: same label, other label, never oneself", "[ref][distance]") {
  ExecContext ctx(1);
  const HostTensor labels({3}, {1, 2, 1}, DType::Int64), reference({4}, {1, 1, 2, 3}, DType::Int64);
  HostTensor positive({3, 4}, DType::UInt8), negative({3, 4}, DType::UInt8);
  oracle_table().distance.pair_masks(ctx, labels, reference, -1, positive, negative);
  CHECK(positive.values() == Values{1, 1, 0, 0, 0, 0, 1, 0, 1, 1, 0, 0});
  CHECK(negative.values() == Values{0, 0, 1, 1, 1, 1, 0, 1, 0, 0, 1, 1});
  oracle_table().distance.pair_masks(ctx, labels, reference, 1, positive, negative);
  CHECK(positive.values() == Values{1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0});
  CHECK(negative.values() == Values{0, 0, 1, 1, 1, 1, 0, 1, 0, 0, 1, 0});
}

TEST_CASE("pair masks", "[distance]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 67);
    for (const Dims& dims : {Dims{1, 1}, Dims{1, 7}, Dims{5, 13}, Dims{16, 16}, Dims{33, 100}, Dims{70, 257}})
      for (std::int64_t first_own : {std::int64_t{-1}, std::int64_t{0}, dims[1] - dims[0]}) {
        if (first_own + dims[0] > dims[1]) continue;
        Operand labels = make.integers({dims[0]}, DType::Int64, 0, 4);
        Operand reference = make.integers({dims[1]}, DType::Int64, 0, 4);
        const double large = 0x1p40;  // labels that differ in their upper halves only
        for (HostTensor* h : {&reference.fast, &reference.oracle}) h->set(0, h->get(0) + large);
        Operand positive = make.output(dims, DType::UInt8), negative = make.output(dims, DType::UInt8);
        t.table.distance.pair_masks(t.ctx, labels.fast, reference.fast, first_own, positive.fast, negative.fast);
        oracle_table().distance.pair_masks(t.ctx, labels.oracle, reference.oracle, first_own, positive.oracle,
                                           negative.oracle);
        const std::string label = t.label() + " " + to_string(dims) + " own " + std::to_string(first_own);
        CHECK(mismatch(label + " positive", positive) == "");
        CHECK(mismatch(label + " negative", negative) == "");
      }
  });
}
