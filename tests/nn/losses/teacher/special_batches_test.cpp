// Losses that learn from a teacher on batches that goldens do not show: copies, zeros, one picture, two, another order
// or scale.
#include <catch2/catch.hpp>
#include <cmath>

#include "autograd/ops/eltwise.h"
#include "nn/losses/teacher/absolute_relative.h"
#include "nn/losses/teacher/ranking.h"
#include "nn/losses/teacher/rkd.h"
#include "nn/losses/teacher/similarity.h"
#include "nn/losses/teacher/stages.h"
#include "tensor/creation.h"
#include "tensor/ops/distance.h"
#include "tensor/ops/eltwise.h"
#include "tensor/ops/gather.h"
#include "tests/nn/losses/teacher/pair_losses.h"
#include "tests/nn/models/golden.h"

using namespace fledge;
using namespace fledge::test;

TEST_CASE("a batch of one picture, copied", "[losses][teacher]") {
  for (const DType dtype : {DType::Float64, DType::Float32}) {
    const Tensor point = unit(random_normal({1, 6}, 6, dtype)).expand({9, 6}).contiguous(),
                 g = unit(random_normal({9, 4}, 7, dtype));
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
  const Tensor f = index_select(random_normal({5, 6}, 8), rows), g = random_normal({8, 4}, 9);
  for (const PairLoss& loss : pair_losses()) {
    INFO(loss.name);
    CHECK(value_and_gradient(loss, f, g).second < 100);
    CHECK(value_and_gradient(loss, g, f).second < 100);
    if (loss.zero_at_teacher) CHECK(value_and_gradient(loss, f, f).second <= trace(loss));
  }
}

TEST_CASE("embeddings of zeros", "[losses][teacher]") {
  const Tensor f = zeros({5, 3}, DType::Float64), g = random_normal({5, 4}, 10);
  for (const PairLoss& loss : pair_losses()) {
    INFO(loss.name);
    CHECK(std::isfinite(value_and_gradient(loss, f, g).second));
    CHECK(std::isfinite(value_and_gradient(loss, g, f).second));
  }
  const Tensor maps = random_normal({2, 3, 4, 4}, 6), dark = zeros({2, 3, 4, 4}, DType::Float64);
  const Variable w(random_normal({3, 3, 1, 1}, 1), true);
  for (const auto& [student, teacher] : {std::pair{maps, dark}, {dark, maps}, {dark, dark}}) {
    const Variable a(student.clone(), true);
    add(attention(a, teacher).value, hint(a, w, teacher, true).value).backward();
    CHECK(std::isfinite(largest(a.grad())));
  }
}

TEST_CASE("a batch of one picture has no pairs; of two, what there is", "[losses][teacher]") {
  for (const PairLoss& loss : pair_losses()) {
    INFO(loss.name);
    CHECK_THROWS_WITH(loss.of(Variable(random_normal({1, 6}, 1)), random_normal({1, 4}, 2)),
                      Catch::Contains("no pairs"));
    CHECK_THROWS_WITH(loss.of(Variable(random_normal({3, 6}, 1)), random_normal({4, 6}, 2)),
                      Catch::Contains("3x6") && Catch::Contains("4x6"));
    CHECK_THROWS_AS(loss.of(Variable(random_normal({0, 6}, 1)), random_normal({0, 6}, 2)), Error);
    CHECK_THROWS_WITH(loss.of(Variable(random_normal({3, 6}, 1)), {}), Catch::Contains("teacher missing"));
  }
  const Tensor g = unit(random_normal({2, 4}, 3));
  const double dt = pairwise_distance(g, g).to_vector<double>()[1], w = std::exp(-dt * dt);
  const auto value = [&](std::size_t i) {
    const auto [v, gradient] = value_and_gradient(pair_losses()[i], random_normal({2, 6}, 4), g);
    CHECK(std::isfinite(gradient));
    return v;
  };
  CHECK(value(0) <= 1e-30);  // one distance is its own mean
  CHECK(value(1) <= 1e-30);  // no angle but that of a side with itself
  CHECK(std::abs(value(2)) <= 1e-15);
  CHECK(std::abs(value(3)) <= 1e-15);
  CHECK(value(4) > 0);
  CHECK(std::abs(value(5)) <= 1e-15);                // one neighbour: probability 1
  CHECK(value(6) == Approx(4 * w));                  // d is 2 for either picture, beyond delta
  const Variable a(random_normal({1, 3, 4, 4}, 1));  // maps need no second picture
  CHECK(attention(a, random_normal({1, 5, 4, 4}, 2)).value.item() > 0);
  CHECK(hint(a, Variable(random_normal({5, 3, 1, 1}, 3)), random_normal({1, 5, 4, 4}, 2), false).value.item() > 0);
}

TEST_CASE("opposite pictures have no similarity at all", "[losses][teacher]") {
  const Tensor f = from_vector(std::vector<double>{1, 0, -1, 0}, {2, 2});
  const auto [value, gradient] = value_and_gradient(pair_losses()[5], f, unit(random_normal({2, 4}, 3)));
  CHECK(std::isfinite(value));
  CHECK(std::isfinite(gradient));
}

TEST_CASE("the order of the pictures does not matter", "[losses][teacher]") {
  const Tensor order = from_vector(std::vector<std::int64_t>{4, 7, 0, 2, 8, 1, 6, 3, 5}, {9});
  const Tensor f = random_normal({9, 6}, 11), g = random_normal({9, 4}, 12);
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
  const Tensor f = random_normal({9, 6}, 13), g = random_normal({9, 4}, 14), shift = random_normal({1, 6}, 15);
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
  const Tensor f = random_normal({9, 6}, 13).to(DType::Float32), g = random_normal({9, 4}, 14).to(DType::Float32);
  for (const bool diagonal : {true, false}) {
    const Variable near(f, true), far(affine(f, 1e21, 0), true);
    const Variable plain = pkt(near, g, diagonal).value, large = pkt(far, affine(g, 3e25, 0), diagonal).value;
    CHECK(large.item() == Approx(plain.item()).epsilon(1e-4));
    plain.backward();
    large.backward();
    CHECK(relative_error(affine(far.grad(), 1e21, 0), near.grad()) <= 1e-3);
  }
}
