// rkd_angle against its formula in three loops, its memory, and its digits; rkd_distance against the mean over pairs.
#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <string>

#include "nn/losses/teacher/absolute_relative.h"
#include "nn/losses/teacher/rkd.h"
#include "tensor/creation.h"
#include "tensor/ops/eltwise.h"
#include "tests/nn/losses/teacher/pair_losses.h"
#include "tests/nn/models/golden.h"
#include "tests/support/sanitized.h"

using namespace fledge;
using namespace fledge::test;

TEST_CASE("rkd_distance is (n-1)/n of the mean over pairs", "[losses][teacher]") {
  const Variable f(random_normal({8, 6}, 16));
  const Tensor g = random_normal({8, 4}, 17);
  CHECK(rkd_distance(f, g).value.item() ==
        Approx(7.0 / 8 * relative_teacher(f, g, RelativeForm::RkdHuber).item()).epsilon(1e-13));
}

TEST_CASE("angles of a batch that has nearly collapsed keep their digits in float32", "[losses][teacher]") {
  const Tensor far = ones({10, 6}, DType::Float32), g = random_normal({10, 4}, 19, DType::Float32);
  const Tensor f = add(far, affine(random_normal({10, 6}, 18, DType::Float32), 1e-4, 0));
  const Variable a(f, true), b(f.to(DType::Float64), true);
  const Variable single = rkd_angle(a, g).value, twice = rkd_angle(b, g.to(DType::Float64)).value;
  CHECK(single.item() == Approx(twice.item()).epsilon(1e-6));
  single.backward();
  twice.backward();
  CHECK(relative_error(a.grad(), b.grad()) <= 1e-6);
}

namespace {

/// rkd_angle as its formula says: three loops, and each cosine's derivative by its three pictures.
struct PlainAngles {
  double value = 0, error = 0;
  std::vector<double> gradient;

  PlainAngles(const Tensor& f, const Tensor& g) : gradient(static_cast<std::size_t>(f.numel()), 0.0) {
    const std::size_t n = static_cast<std::size_t>(f.dim(0)), d = static_cast<std::size_t>(f.dim(1));
    const std::vector<double> x = f.to_vector<double>(), t = g.to_vector<double>();
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j)
        for (std::size_t k = 0; k < n; ++k) {
          const Side a(x, d, i, j), b(x, d, i, k);
          const double cosine = dot(a.unit, b.unit);
          const double e = cosine - dot(Side(t, t.size() / n, i, j).unit, Side(t, t.size() / n, i, k).unit);
          value += std::abs(e) < 1 ? e * e / 2 : std::abs(e) - 0.5;
          error += std::abs(e);
          if (a.length == 0 || b.length == 0) continue;
          for (std::size_t c = 0; c < d; ++c) {
            const double slope = std::min(std::max(e, -1.0), 1.0);
            const double by_j = slope * (b.unit[c] - cosine * a.unit[c]) / a.length,
                         by_k = slope * (a.unit[c] - cosine * b.unit[c]) / b.length;
            gradient[j * d + c] += by_j;
            gradient[k * d + c] += by_k;
            gradient[i * d + c] -= by_j + by_k;
          }
        }
    const double cube = static_cast<double>(n * n * n);
    value /= cube;
    error /= cube;
    for (double& v : gradient) v /= cube;
  }

 private:
  /// From picture i to j: its direction and length, both 0 where there is none.
  struct Side {
    std::vector<double> unit;
    double length = 0;
    Side(const std::vector<double>& x, std::size_t d, std::size_t i, std::size_t j) {
      for (std::size_t c = 0; c < d; ++c) unit.push_back(x[j * d + c] - x[i * d + c]);
      length = std::sqrt(dot(unit, unit));
      if (length <= 1e-6) length = 0;
      for (double& v : unit) v = length > 0 ? v / length : 0;
    }
  };
  static double dot(const std::vector<double>& a, const std::vector<double>& b) {
    double sum = 0;
    for (std::size_t c = 0; c < a.size(); ++c) sum += a[c] * b[c];
    return sum;
  }
};

}  // namespace

TEST_CASE("rkd_angle is its formula, of one block of anchors and of several", "[losses][teacher]") {
  for (const std::int64_t n : {2, 3, 7, 60}) {  // 60: blocks of four
    INFO(n << " pictures");
    const Tensor x = random_normal({n, 6}, 30), t = random_normal({n, 4}, 31);
    if (n > 4) {  // copies: sides without direction, for the student, for the teacher, for both
      x.slice(0, 1, 1).copy_from(x.slice(0, 0, 1));
      x.slice(0, 3, 1).copy_from(x.slice(0, 2, 1));
      t.slice(0, 3, 1).copy_from(t.slice(0, 2, 1));
      t.slice(0, 5, 1).copy_from(t.slice(0, 4, 1));
    }
    const Variable f(x, true);
    const LossOutput out = rkd_angle(f, t);
    out.value.backward();
    const PlainAngles plain(x, t);
    CHECK(out.value.item() == Approx(plain.value).epsilon(1e-10).margin(1e-12));
    CHECK(out.numbers[0].second.value() == Approx(plain.error).epsilon(1e-10).margin(1e-12));
    if (n > 2) CHECK(relative_error(f.grad(), from_vector(plain.gradient, x.dims())) <= 1e-9);
  }
}

TEST_CASE("rkd_angle holds no n^3 of anything", "[losses][teacher]") {
  // 448 pictures: one double for each triple would be 686 MiB.
  const Variable f(random_normal({448, 8}, 20), true);
  const Tensor g = random_normal({448, 8}, 21);
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_AS, &before) == 0);
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  REQUIRE(pages > 0);
  rlimit tight = before;
  if (!fledge::test::kSanitized) tight.rlim_cur = pages * 4096 + (std::size_t{64} << 20);
  REQUIRE(setrlimit(RLIMIT_AS, &tight) == 0);
  std::string failure;
  try {
    rkd_angle(f, g).value.backward();
  } catch (const std::exception& e) {
    failure = e.what();
  }
  REQUIRE(setrlimit(RLIMIT_AS, &before) == 0);
  CHECK(failure == "");
  CHECK(largest(f.grad()) > 0);
}
