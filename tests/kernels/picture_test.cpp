// From stored pixels to network input: by hand, and every table against the reference.
#include <catch2/catch.hpp>

#include "tests/support/compare.h"

using namespace fledge;
using namespace fledge::test;
using Values = std::vector<double>;

namespace {

const PictureParams kParams{{1 / 51.0f, 1 / 64.0f, 1 / 57.5f}, {-2.1f, -2, -1.8f}};

/// Cuts inside the picture, across each edge, and beside it.
void check_augment(const TableUnderTest& t, Operands& make, DType out, double tolerance) {
  struct Case {
    std::int64_t n, h, w, p, q;
  };
  for (const Case& c : {Case{1, 1, 1, 1, 1}, Case{3, 9, 8, 5, 7}, Case{4, 8, 16, 8, 16}, Case{2, 32, 40, 24, 24},
                        Case{5, 11, 13, 16, 15}, Case{2, 64, 64, 56, 56}}) {
    const Dims stored{c.n, c.h, c.w, 3}, places{c.n, 3};
    HostTensor pixels = t.tensor(stored, DType::UInt8), oracle_pixels(stored, DType::UInt8);
    HostTensor place = t.tensor(places, DType::Int32), oracle_place(places, DType::Int32);
    oracle_pixels.fill_from([&](std::int64_t) { return make.uniform(0, 255.99); });
    oracle_place.fill_from([&](std::int64_t i) {
      if (i % 3 == 2) return make.uniform(0, 1.99);
      return std::floor(make.uniform(-3, 4)) + (i == 0 ? static_cast<double>(c.h) : 0);  // the first one lies below
    });
    pixels.fill_from([&](std::int64_t i) { return oracle_pixels.get(i); });
    place.fill_from([&](std::int64_t i) { return oracle_place.get(i); });
    Operand y = make.output({c.n, 3, c.p, c.q}, out);
    t.table.picture.augment(t.ctx, pixels, place, y.fast, kParams);
    oracle_table().picture.augment(t.ctx, oracle_pixels, oracle_place, y.oracle, kParams);
    CHECK(mismatch(t.label() + " " + to_string(stored) + " to " + to_string(y.oracle.dims()), y, 1, tolerance) == "");
  }
}

}  // namespace

TEST_CASE("ref augment: cut, mirrored, zero outside, normalised", "[ref][picture]") {
  ExecContext ctx(1);
  // Two rows of three pixels: red 1..6, green ten times that, blue 7.
  const HostTensor pixels({1, 2, 3, 3}, {1, 10, 7, 2, 20, 7, 3, 30, 7, 4, 40, 7, 5, 50, 7, 6, 60, 7}, DType::UInt8);
  const PictureParams p{{1, 0.5f, 2}, {0, 100, -1}};
  const auto augment = [&](double top, double left, double flip) {
    HostTensor y({1, 3, 2, 2}, DType::Float64);
    oracle_table().picture.augment(ctx, pixels, HostTensor({1, 3}, {top, left, flip}, DType::Int32), y, p);
    return y.values();
  };
  CHECK(augment(0, 1, 0) == Values{2, 3, 5, 6, 110, 115, 125, 130, 13, 13, 13, 13});
  CHECK(augment(0, 1, 1) == Values{3, 2, 6, 5, 115, 110, 130, 125, 13, 13, 13, 13});
  CHECK(augment(1, -1, 0) == Values{0, 4, 0, 0, 100, 120, 100, 100, -1, 13, -1, -1});
  CHECK(augment(-1, 2, 1) == Values{0, 0, 0, 3, 100, 100, 100, 115, -1, -1, -1, 13});
}

TEST_CASE("augment", "[picture]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 71);
    check_augment(t, make, DType::Float32, 4.8e-7);
  });
}

TEST_CASE("augment to bfloat16", "[picture][bf16]") {
  for_each_bf16_table([](const TableUnderTest& t) {
    Operands make(t, 72);
    check_augment(t, make, DType::BFloat16, kBFloat16Tolerance);
  });
}
