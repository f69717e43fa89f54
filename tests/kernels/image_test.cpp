// From stored pixels to network input: by hand, and every table against the reference.
#include <catch2/catch.hpp>

#include "tests/support/compare.h"

using namespace fledge;
using namespace fledge::test;
using Values = std::vector<double>;

namespace {

void check_normalize(const TableUnderTest& t, Operands& make, DType out, double tolerance) {
  const NormalizeParams params{{1 / 51.0f, 1 / 64.0f, 1 / 57.5f}, {-2.1f, -2, -1.8f}};
  for (const Dims& stored : {Dims{1, 1, 1, 3}, Dims{3, 9, 8, 3}, Dims{4, 8, 16, 3}, Dims{2, 32, 40, 3},
                             Dims{5, 11, 13, 3}, Dims{2, 64, 64, 3}}) {
    HostTensor pixels = t.tensor(stored, DType::UInt8), oracle_pixels(stored, DType::UInt8);
    oracle_pixels.fill_from([&](std::int64_t) { return make.uniform(0, 255.99); });
    pixels.fill_from([&](std::int64_t i) { return oracle_pixels.get(i); });
    Operand y = make.output({stored[0], 3, stored[1], stored[2]}, out);
    t.table.image.normalize(t.ctx, pixels, y.fast, params);
    oracle_table().image.normalize(t.ctx, oracle_pixels, y.oracle, params);
    CHECK(mismatch(t.label() + " " + to_string(stored), y, 1, tolerance) == "");
  }
}

}  // namespace

TEST_CASE("ref normalize: each channel with its own scale and shift", "[ref][image]") {
  ExecContext ctx(1);
  // Two rows of three pixels: red 1..6, green ten times that, blue 7.
  const HostTensor pixels({1, 2, 3, 3}, {1, 10, 7, 2, 20, 7, 3, 30, 7, 4, 40, 7, 5, 50, 7, 6, 60, 7}, DType::UInt8);
  HostTensor y({1, 3, 2, 3}, DType::Float64);
  oracle_table().image.normalize(ctx, pixels, y, {{1, 0.5f, 2}, {0, 100, -1}});
  CHECK(y.values() == Values{1, 2, 3, 4, 5, 6, 105, 110, 115, 120, 125, 130, 13, 13, 13, 13, 13, 13});
}

TEST_CASE("normalize", "[image]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 71);
    check_normalize(t, make, DType::Float32, 4.8e-7);
  });
}

TEST_CASE("normalize to bfloat16", "[image][bf16]") {
  for_each_bf16_table([](const TableUnderTest& t) {
    Operands make(t, 72);
    check_normalize(t, make, DType::BFloat16, kBFloat16Tolerance);
  });
}
