// The net for NaN, infinity and negative variances: every dtype, layout and place, against a plain loop.
#include "tensor/finite.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "tensor/creation.h"
#include "tests/tensor/errors.h"

using namespace fledge;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity(), kNaN = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TEST_CASE("every place of a NaN or an infinity is found, whatever the length", "[finite]") {
  for (const DType t : {DType::Float32, DType::Float64, DType::BFloat16})
    for (const std::int64_t n : {1, 2, 1023, 1024, 1025, 5000})
      for (const double bad : {kNaN, kInf, -kInf}) {
        const Tensor x = full({n}, 3e38, t);  // large, but a number
        CHECK(all_finite(x));
        CHECK_FALSE(first_unsound(x).has_value());
        for (const std::int64_t at : {std::int64_t{0}, n / 2, n - 1}) {
          const Tensor y = x.clone();
          y.slice(0, at, 1).fill(bad);
          CAPTURE(name_of(t), n, at, bad);
          CHECK_FALSE(all_finite(y));
          const auto found = first_unsound(y);
          REQUIRE(found);
          CHECK(found->index == Dims{at});
          CHECK((std::isnan(bad) ? std::isnan(found->value) : found->value == bad));
        }
      }
}

TEST_CASE("the first one in logical order is named, in every layout and view", "[finite]") {
  for (const Layout layout : {Layout::Contiguous, Layout::ChannelsLast}) {
    const Tensor x = zeros({2, 3, 4, 5}, DType::Float32).contiguous(layout);
    x.slice(0, 1, 1).slice(1, 2, 1).slice(2, 3, 1).slice(3, 4, 1).fill(kInf);
    x.slice(0, 1, 1).slice(1, 0, 1).slice(2, 3, 1).slice(3, 4, 1).fill(-kInf);
    CHECK(describe(*first_unsound(x)) == "-inf at [1,0,3,4]");
    CHECK(describe(*first_unsound(x.transpose(0, 3))) == "-inf at [4,0,3,1]");
    CHECK(all_finite(x.slice(0, 0, 1)));
    CHECK_FALSE(all_finite(x.slice(2, 3, 1)));
  }
}

TEST_CASE("a variance is not negative; whole numbers and nothing are sound", "[finite]") {
  const Tensor x = from_vector<float>({1, 0, -0.0f, -0.25f, std::numeric_limits<float>::quiet_NaN()}, {5});
  CHECK(describe(*first_unsound(x)) == "nan at [4]");
  CHECK(describe(*first_unsound(x, Sound::FiniteNotNegative)) == "-0.25 at [3]");
  CHECK_FALSE(first_unsound(x.slice(0, 0, 3), Sound::FiniteNotNegative).has_value());
  CHECK_FALSE(first_unsound(full({3}, -1, DType::Int64), Sound::FiniteNotNegative).has_value());
  CHECK(all_finite(Tensor()));
  CHECK(all_finite(zeros({0, 3})));
  CHECK(describe(*first_unsound(scalar(kNaN))) == "nan at []");
  const auto refuse = [&] { require_sound(x, Sound::Finite, "tensor 'v'", ErrorKind::BadInput, "h"); };
  CHECK(test::error_of(refuse, ErrorKind::BadInput).find("tensor 'v' is nan at [4]") != std::string::npos);
}
