// Losses that learn from a teacher: central differences, and what the goldens cannot show: equality, copies, small
// batches, order, scale, memory.
#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <functional>
#include <string>

#include "autograd/gradcheck.h"
#include "autograd/ops/distance.h"
#include "autograd/ops/eltwise.h"
#include "nn/losses/teacher/absolute_relative.h"
#include "nn/losses/teacher/maps.h"
#include "nn/losses/teacher/ranking.h"
#include "nn/losses/teacher/rkd.h"
#include "nn/losses/teacher/similarity.h"
#include "nn/losses/teacher/stages.h"
#include "tensor/creation.h"
#include "tensor/ops/distance.h"
#include "tensor/ops/eltwise.h"
#include "tensor/ops/gather.h"
#include "tensor/random.h"
#include "tests/nn/models/golden.h"
#include "tests/support/sanitized.h"

using namespace fledge;
using fledge::test::relative_error;

namespace {

Tensor random(const Dims& dims, std::uint64_t seed, DType dtype = DType::Float64) {
  Generator g(seed);
  return rand_normal(dims, g, 0, 1, dtype);
}
Tensor unit(const Tensor& x) { return l2_normalize(x).y; }

struct PairLoss {
  const char* name;
  std::function<LossOutput(const Variable&, const Tensor&)> of;
  bool zero_at_teacher, any_scale;  // value 0 where student = teacher; the same for a scaled student
};

/// Every loss of student and teacher embeddings in rkd.h, ranking.h and similarity.h.
const std::vector<PairLoss>& pair_losses() {
  static const auto rank = [](RankForm form) {
    return [form](const Variable& f, const Tensor& g) { return darkrank(f, g, {form, 3, 3, 4}); };
  };
  static const std::vector<PairLoss> losses = {
      {"rkd_distance", rkd_distance, true, true},
      {"rkd_angle", rkd_angle, true, true},
      {"darkrank hard", rank(RankForm::Hard), false, false},
      {"darkrank soft", rank(RankForm::Soft), true, false},
      {"pkt", [](const Variable& f, const Tensor& g) { return pkt(f, g, true); }, true, false},
      {"pkt of pairs", [](const Variable& f, const Tensor& g) { return pkt(f, g, false); }, true, false},
      {"relaxed_contrastive", [](const Variable& f, const Tensor& g) { return relaxed_contrastive(f, g, 1, 1); }, false,
       true},
  };
  return losses;
}

void check(const std::string& name, const std::function<Variable(const std::vector<Variable>&)>& f,
           const std::vector<Tensor>& inputs) {
  const GradcheckResult r = gradcheck(f, inputs);
  INFO(name << ": " << r.message);
  CHECK(r.ok);
  CHECK(r.worst <= 1e-6);
}

double largest(const Tensor& t) {
  double m = 0;
  for (double v : t.to_vector<double>()) m = std::isfinite(v) ? std::max(m, std::abs(v)) : INFINITY;
  return m;
}

bool is_pkt(const PairLoss& loss) { return std::string(loss.name).starts_with("pkt"); }
/// What may be left of a gradient that is 0 on paper. PKT's eps of 1e-7 stands beside norms and probabilities, which
/// moves its minimum by as much.
double trace(const PairLoss& loss) { return is_pkt(loss) ? 1e-7 : 1e-13; }

/// The value, and the largest element of the gradient (infinity where one is not finite).
std::pair<double, double> value_and_gradient(const PairLoss& loss, const Tensor& f, const Tensor& g) {
  const Variable leaf(f.clone(), true);
  const LossOutput out = loss.of(leaf, g);
  for (const auto& number : out.numbers) CHECK(std::isfinite(number.second.value()));
  out.value.backward();
  return {out.value.item(), largest(leaf.grad())};
}

}  // namespace

TEST_CASE("central differences agree with the gradients of losses on pairs", "[losses][teacher][gradcheck]") {
  const Tensor f = random({12, 6}, 1), g = random({12, 4}, 2), line = random({12, 1}, 3);
  using V = std::vector<Variable>;
  for (const PairLoss& loss : pair_losses()) {
    check(loss.name, [&](const V& v) { return loss.of(v[0], g).value; }, {f});
    check(loss.name, [&](const V& v) { return loss.of(l2_normalize(v[0]), unit(g)).value; }, {f});
    check(loss.name, [&](const V& v) { return loss.of(v[0], line).value; }, {f});
  }
}

TEST_CASE("central differences agree with the gradients of losses on maps", "[losses][teacher][gradcheck]") {
  const Tensor a = random({2, 3, 4, 5}, 1), w = random({4, 3, 1, 1}, 2);
  using V = std::vector<Variable>;
  for (const Dims& size : {Dims{2, 4, 4, 5}, Dims{2, 4, 7, 9}, Dims{2, 4, 3, 8}}) {
    const Tensor teacher = random(size, 3);
    for (const bool normalize : {false, true})
      check("hint", [&](const V& v) { return hint(v[0], v[1], teacher, normalize).value; }, {a, w});
    check("attention", [&](const V& v) { return attention(v[0], teacher).value; }, {a});
  }
}

TEST_CASE("a student equal to its teacher stays where it is", "[losses][teacher]") {
  const Tensor g = unit(random({12, 6}, 5));
  for (const PairLoss& loss : pair_losses()) {
    INFO(loss.name);
    const auto [value, gradient] = value_and_gradient(loss, g, g);
    CHECK(std::isfinite(gradient));
    if (!loss.zero_at_teacher) continue;
    CHECK(std::abs(value) <= 1e-15);
    CHECK(gradient <= trace(loss));
  }
  const Tensor maps = random({2, 3, 4, 4}, 6);
  const Variable a(maps.clone(), true), b(maps.clone(), true);
  const LossOutput attended = attention(a, maps);
  CHECK(attended.value.item() == 0);
  CHECK(attended.numbers[0].second.value() == Approx(1));
  attended.value.backward();
  CHECK(largest(a.grad()) == 0);
  const Variable w(from_vector(std::vector<double>{1, 0, 0, 0, 1, 0, 0, 0, 1}, {3, 3, 1, 1}), true);
  const LossOutput hinted = hint(b, w, maps, false);
  CHECK(hinted.value.item() == 0);
  CHECK(hinted.numbers[0].second.value() == 0);
  hinted.value.backward();
  CHECK(largest(b.grad()) == 0);
  CHECK(largest(w.grad()) == 0);
}

TEST_CASE("a batch of one picture, copied", "[losses][teacher]") {
  for (const DType dtype : {DType::Float64, DType::Float32}) {
    const Tensor point = unit(random({1, 6}, 6, dtype)).expand({9, 6}).contiguous(), g = unit(random({9, 4}, 7, dtype));
    for (const PairLoss& loss : pair_losses()) {
      INFO(loss.name);
      const auto [value, gradient] = value_and_gradient(loss, point, g);
      CHECK(std::isfinite(value));
      // Distances are clamped, and angles have no sides: no way to move. Cosines are at their highest.
      CHECK(gradient <= (dtype == DType::Float64 ? trace(loss) : 1e-7));
      CHECK(std::isfinite(value_and_gradient(loss, g, point).second));
    }
    const Variable f(point);
    CHECK(darkrank(f, g, {RankForm::Hard, 3, 3, 4}).value.item() == Approx(std::log(24)));  // all orders are as likely
    CHECK(rkd_angle(f, point).value.item() == 0);
    CHECK(rkd_distance(f, point).value.item() == 0);
  }
}

TEST_CASE("some copies among other pictures", "[losses][teacher]") {
  const Tensor rows = from_vector(std::vector<std::int64_t>{0, 1, 2, 3, 3, 4, 1, 1}, {8});
  const Tensor f = index_select(random({5, 6}, 8), rows), g = random({8, 4}, 9);
  for (const PairLoss& loss : pair_losses()) {
    INFO(loss.name);
    CHECK(value_and_gradient(loss, f, g).second < 100);
    CHECK(value_and_gradient(loss, g, f).second < 100);
    if (loss.zero_at_teacher) CHECK(value_and_gradient(loss, f, f).second <= trace(loss));
  }
}

TEST_CASE("embeddings of zeros", "[losses][teacher]") {
  const Tensor f = zeros({5, 3}, DType::Float64), g = random({5, 4}, 10);
  for (const PairLoss& loss : pair_losses()) {
    INFO(loss.name);
    CHECK(std::isfinite(value_and_gradient(loss, f, g).second));
    CHECK(std::isfinite(value_and_gradient(loss, g, f).second));
  }
  const Tensor maps = random({2, 3, 4, 4}, 6), dark = zeros({2, 3, 4, 4}, DType::Float64);
  const Variable w(random({3, 3, 1, 1}, 1), true);
  for (const auto& [student, teacher] : {std::pair{maps, dark}, {dark, maps}, {dark, dark}}) {
    const Variable a(student.clone(), true);
    add(attention(a, teacher).value, hint(a, w, teacher, true).value).backward();
    CHECK(std::isfinite(largest(a.grad())));
  }
}

TEST_CASE("a batch of one picture has no pairs; of two, what there is", "[losses][teacher]") {
  for (const PairLoss& loss : pair_losses()) {
    INFO(loss.name);
    CHECK_THROWS_WITH(loss.of(Variable(random({1, 6}, 1)), random({1, 4}, 2)), Catch::Contains("no pairs"));
    CHECK_THROWS_WITH(loss.of(Variable(random({3, 6}, 1)), random({4, 6}, 2)),
                      Catch::Contains("3x6") && Catch::Contains("4x6"));
    CHECK_THROWS_AS(loss.of(Variable(random({0, 6}, 1)), random({0, 6}, 2)), Error);
    CHECK_THROWS_WITH(loss.of(Variable(random({3, 6}, 1)), {}), Catch::Contains("teacher missing"));
  }
  const Tensor g = unit(random({2, 4}, 3));
  const double dt = pairwise_distance(g, g).to_vector<double>()[1], w = std::exp(-dt * dt);
  const auto value = [&](std::size_t i) {
    const auto [v, gradient] = value_and_gradient(pair_losses()[i], random({2, 6}, 4), g);
    CHECK(std::isfinite(gradient));
    return v;
  };
  CHECK(value(0) <= 1e-30);  // one distance is its own mean
  CHECK(value(1) <= 1e-30);  // no angle but that of a side with itself
  CHECK(std::abs(value(2)) <= 1e-15);
  CHECK(std::abs(value(3)) <= 1e-15);
  CHECK(value(4) > 0);
  CHECK(std::abs(value(5)) <= 1e-15);         // one neighbour: probability 1
  CHECK(value(6) == Approx(4 * w));           // d is 2 for either picture, beyond delta
  const Variable a(random({1, 3, 4, 4}, 1));  // maps need no second picture
  CHECK(attention(a, random({1, 5, 4, 4}, 2)).value.item() > 0);
  CHECK(hint(a, Variable(random({5, 3, 1, 1}, 3)), random({1, 5, 4, 4}, 2), false).value.item() > 0);
}

TEST_CASE("opposite pictures have no similarity at all", "[losses][teacher]") {
  const Tensor f = from_vector(std::vector<double>{1, 0, -1, 0}, {2, 2});
  const auto [value, gradient] = value_and_gradient(pair_losses()[5], f, unit(random({2, 4}, 3)));
  CHECK(std::isfinite(value));
  CHECK(std::isfinite(gradient));
}

TEST_CASE("the order of the pictures does not matter", "[losses][teacher]") {
  const Tensor order = from_vector(std::vector<std::int64_t>{4, 7, 0, 2, 8, 1, 6, 3, 5}, {9});
  const Tensor f = random({9, 6}, 11), g = random({9, 4}, 12);
  for (const PairLoss& loss : pair_losses()) {
    INFO(loss.name);
    const Variable a(f, true), b(index_select(f, order), true);
    const Variable one = loss.of(a, g).value, other = loss.of(b, index_select(g, order)).value;
    CHECK(other.item() == Approx(one.item()).epsilon(1e-12));
    one.backward();
    other.backward();
    CHECK(relative_error(b.grad(), index_select(a.grad(), order)) <= 1e-12);
  }
}

TEST_CASE("what does not change with the student's scale, or its place", "[losses][teacher]") {
  const Tensor f = random({9, 6}, 13), g = random({9, 4}, 14), shift = random({1, 6}, 15);
  for (const PairLoss& loss : pair_losses()) {
    INFO(loss.name);
    const double before = loss.of(Variable(f), g).value.item();
    const double scaled = loss.of(Variable(affine(f, 7.5, 0)), g).value.item();
    if (loss.any_scale) CHECK(scaled == Approx(before).epsilon(1e-12));
    if (is_pkt(loss)) CHECK(scaled == Approx(before).epsilon(1e-6));  // but for eps
    const double moved = loss.of(Variable(add(f, shift)), g).value.item();
    if (!is_pkt(loss)) CHECK(moved == Approx(before).epsilon(1e-10));
  }
}

TEST_CASE("pkt of rows whose squares float32 cannot hold is that of the same rows near 1", "[losses][teacher]") {
  const Tensor f = random({9, 6}, 13).to(DType::Float32), g = random({9, 4}, 14).to(DType::Float32);
  for (const bool diagonal : {true, false}) {
    const Variable near(f, true), far(affine(f, 1e21, 0), true);
    const Variable plain = pkt(near, g, diagonal).value, large = pkt(far, affine(g, 3e25, 0), diagonal).value;
    CHECK(large.item() == Approx(plain.item()).epsilon(1e-4));
    plain.backward();
    large.backward();
    CHECK(relative_error(affine(far.grad(), 1e21, 0), near.grad()) <= 1e-3);
  }
}

TEST_CASE("rkd_distance is (n-1)/n of the mean over pairs", "[losses][teacher]") {
  const Variable f(random({8, 6}, 16));
  const Tensor g = random({8, 4}, 17);
  CHECK(rkd_distance(f, g).value.item() ==
        Approx(7.0 / 8 * relative_teacher(f, g, RelativeForm::RkdHuber).item()).epsilon(1e-13));
}

TEST_CASE("angles of a batch that has nearly collapsed keep their digits in float32", "[losses][teacher]") {
  const Tensor far = ones({10, 6}, DType::Float32), g = random({10, 4}, 19, DType::Float32);
  const Tensor f = add(far, affine(random({10, 6}, 18, DType::Float32), 1e-4, 0));
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
    const Tensor x = random({n, 6}, 30), t = random({n, 4}, 31);
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
  const Variable f(random({448, 8}, 20), true);
  const Tensor g = random({448, 8}, 21);
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

TEST_CASE("what DarkRank's number says", "[losses][teacher]") {
  // On a line; from 0 the teacher sees 1, 3, 7 in this order.
  const Tensor g = from_vector(std::vector<double>{0, 1, 3, 7}, {4, 1});
  CHECK(values_of(darkrank(Variable(g), g, {RankForm::Hard, 1, 1, 3}).numbers)[0] ==
        std::pair<std::string, double>("rank_agreement", 1));
  // The last two change places: of three pairs each, 0 and 1 lose one; 3 and 7 see what the other saw.
  const Tensor f = from_vector(std::vector<double>{0, 1, 7, 3}, {4, 1});
  const double expected = darkrank(Variable(f), g, {RankForm::Hard, 1, 1, 3}).numbers[0].second.value();
  // Lists: 0: 1,3,7 -> 1,7,3 away (2 of 3). 1: 0,3,7 -> 1,6,2 (2 of 3). 3: 1,0,7 -> 6,7,4 (1 of 3).
  // 7: 3,1,0 -> 4,2,3 (1 of 3).
  CHECK(expected == Approx(6.0 / 12));
}

TEST_CASE("DarkRank takes equal distances by number, and shortens lists in small batches", "[losses][teacher]") {
  const Tensor square = from_vector(std::vector<double>{0, 0, 0, 1, 1, 1, 1, 0}, {4, 2});
  const Variable f(random({4, 3}, 22));
  // Of picture 0 the nearest are 1 and 3, equally near: 1 is taken.
  const std::vector<double> d = pairwise_distance(f.value(), f.value()).to_vector<double>();
  const auto log_p = [&](int i, int first, int second) {
    const double a = -d[i * 4 + first], b = -d[i * 4 + second];
    return a - std::log(std::exp(a) + std::exp(b));
  };
  const double expected = -(log_p(0, 1, 3) + log_p(1, 0, 2) + log_p(2, 1, 3) + log_p(3, 0, 2)) / 4;
  CHECK(darkrank(f, square, {RankForm::Hard, 1, 1, 2}).value.item() == Approx(expected));
  CHECK(darkrank(f, square, {RankForm::Hard, 1, 1, 3}).value.item() ==
        darkrank(f, square, {RankForm::Hard, 1, 1, 30}).value.item());
  CHECK_THROWS_WITH(darkrank(f, square, {RankForm::Soft, 1, 1, 6}), Catch::Contains("at most 5"));
  CHECK_THROWS_AS(darkrank(f, square, {RankForm::Hard, 1, 1, 0}), Error);
}

TEST_CASE("resized maps", "[losses][teacher]") {
  const Tensor row = from_vector(std::vector<double>{0, 2, 4, 6}, {1, 1, 1, 4});
  CHECK(resize_map(row, 1, 4).to_vector<double>() == std::vector<double>{0, 2, 4, 6});
  CHECK(resize_map(row, 1, 4).shares_storage_with(row));
  CHECK(resize_map(row, 1, 2).to_vector<double>() == std::vector<double>{1, 5});
  CHECK(resize_map(row, 1, 3).to_vector<double>() == std::vector<double>{1, 3, 5});
  CHECK(resize_map(row, 2, 1).to_vector<double>() == std::vector<double>{3, 3});
  CHECK(resize_map(row.reshape({1, 1, 4, 1}), 8, 1).to_vector<double>() ==
        std::vector<double>{0, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6});
  CHECK_THROWS_WITH(resize_map(row, 0, 3), Catch::Contains("0x3"));
  CHECK_THROWS_AS(resize_map(row.reshape({1, 4}), 1, 3), Error);
}

TEST_CASE("maps that do not fit are refused", "[losses][teacher]") {
  const Variable a(random({2, 3, 4, 4}, 1)), w(random({5, 3, 1, 1}, 2));
  CHECK_THROWS_WITH(attention(a, random({3, 3, 4, 4}, 3)), Catch::Contains("2x3x4x4") && Catch::Contains("3x3x4x4"));
  CHECK_THROWS_AS(attention(a, random({2, 3}, 3)), Error);
  CHECK_THROWS_AS(hint(a, w, random({2, 6, 4, 4}, 3), false), Error);  // W makes 5 channels
  CHECK_THROWS_AS(hint(a, Variable(random({5, 4, 1, 1}, 2)), random({2, 5, 4, 4}, 3), false), Error);
}
