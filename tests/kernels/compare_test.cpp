// The comparison the kernel tests stand on: it must notice what it is there to notice.
#include "tests/support/compare.h"

#include <catch2/catch.hpp>
#include <limits>

using namespace fledge;
using namespace fledge::test;

namespace {

HostTensor four(double last, DType t = DType::Float32) { return HostTensor({2, 2}, {1, -1, 1, last}, t); }

bool differs(double got, double expected, std::int64_t length = 1) {
  return mismatch("x", four(got), four(expected, DType::Float64), length, 1e-6) != "";
}

}  // namespace

TEST_CASE("mismatch: relative error, scaled by the root of the reduction length", "[compare]") {
  CHECK_FALSE(differs(1, 1));
  CHECK_FALSE(differs(1 + 0x1p-21, 1));
  CHECK(differs(1 + 0x1p-19, 1));
  CHECK_FALSE(differs(1 + 0x1p-19, 1, 16));
  CHECK(differs(1 + 0x1p-17, 1, 16));
  CHECK_FALSE(differs(1e-7, 0));  // beside elements of size 1
  CHECK(differs(1e-5, 0));
}

TEST_CASE("mismatch: NaN, infinities and elements never written", "[compare]") {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  CHECK(differs(nan, 1));
  CHECK(differs(1, nan));
  CHECK(differs(inf, 1));
  CHECK(differs(1, inf));
  CHECK(differs(-inf, inf));
  CHECK_FALSE(differs(nan, nan));
  CHECK_FALSE(differs(inf, inf));
  CHECK(mismatch("x", HostTensor({3}), HostTensor({3}, {0, 0, 0}), 1, 1e-6) != "");
}

TEST_CASE("mismatch: integers are exact, and the message names the worst element", "[compare]") {
  const HostTensor a({2, 2}, {1, 2, 3, 1000000}, DType::Int64), b({2, 2}, {1, 2, 3, 1000001}, DType::Int64);
  CHECK(mismatch("x", a, a, 1, 1) == "");
  CHECK(mismatch("x", a, b, 1, 1).find("at [1,1] of 2x2: got 1000000, expected 1000001") != std::string::npos);
  const HostTensor y({3}, {1, 1.5, 9}, DType::Float32), z({3}, {1, 1, 1});
  CHECK(mismatch("conv", y, z, 1, 1e-6).find("conv at [2] of 3: got 9, expected 1") == 0);
}

TEST_CASE("mismatch: a byte written before or behind the buffer", "[compare]") {
  for (int offset : {-1, 12}) {
    HostTensor a({3}, {1, 2, 3}, DType::Float32);
    a.view().as<unsigned char>()[offset] ^= 1;
    CHECK(mismatch("x", a, HostTensor({3}, {1, 2, 3}), 1, 1e-6) == "x: wrote outside its buffer");
  }
}

TEST_CASE("values travel to a device and back, and its canaries are watched", "[compare]") {
  const Backend* gpu = gpu_under_test();
  if (!gpu) return;
  ExecContext ctx(1);
  HostTensor a({3}, {1, 2, 3}, DType::Float32, HostLayout::Contiguous, gpu),
      b({3}, DType::Float32, HostLayout::Contiguous, gpu);
  CHECK(a.view().device == Device{Device::Type::GPU, 0});
  CHECK(mismatch("x", b, HostTensor({3}, {1, 2, 3}), 1, 0) != "");  // NaN
  gpu->f32.eltwise.copy(ctx, a, b);
  CHECK(mismatch("x", b, a, 1, 0) == "");
  a.set(1, 7);
  gpu->f32.eltwise.copy(ctx, a, b);
  CHECK(b.values() == std::vector<double>{1, 7, 3});
  for (int offset : {-1, 1}) {
    HostTensor c({3}, DType::Float32, HostLayout::Contiguous, gpu);
    TensorView shifted = c;
    shifted.data = shifted.as<float>() + offset;
    gpu->f32.eltwise.fill(ctx, shifted, 5);
    CHECK_FALSE(c.canaries_intact());
  }
}
