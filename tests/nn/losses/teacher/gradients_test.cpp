// Losses that learn from a teacher: central differences, and the gradient where student and teacher are equal.
#include <catch2/catch.hpp>
#include <functional>
#include <string>

#include "autograd/gradcheck.h"
#include "autograd/ops/distance.h"
#include "nn/losses/teacher/stages.h"
#include "tensor/creation.h"
#include "tests/nn/losses/teacher/pair_losses.h"

using namespace fledge;
using namespace fledge::test;

namespace {

void check(const std::string& name, const std::function<Variable(const std::vector<Variable>&)>& f,
           const std::vector<Tensor>& inputs) {
  const GradcheckResult r = gradcheck(f, inputs);
  INFO(name << ": " << r.message);
  CHECK(r.ok);
  CHECK(r.worst <= 1e-6);
}

}  // namespace

TEST_CASE("central differences agree with the gradients of losses on pairs", "[losses][teacher][gradcheck]") {
  const Tensor f = random_normal({12, 6}, 1), g = random_normal({12, 4}, 2), line = random_normal({12, 1}, 3);
  using V = std::vector<Variable>;
  for (const PairLoss& loss : pair_losses()) {
    check(loss.name, [&](const V& v) { return loss.of(v[0], g).value; }, {f});
    check(loss.name, [&](const V& v) { return loss.of(l2_normalize(v[0]), unit(g)).value; }, {f});
    check(loss.name, [&](const V& v) { return loss.of(v[0], line).value; }, {f});
  }
}

TEST_CASE("central differences agree with the gradients of losses on maps", "[losses][teacher][gradcheck]") {
  const Tensor a = random_normal({2, 3, 4, 5}, 1), w = random_normal({4, 3, 1, 1}, 2);
  using V = std::vector<Variable>;
  for (const Dims& size : {Dims{2, 4, 4, 5}, Dims{2, 4, 7, 9}, Dims{2, 4, 3, 8}}) {
    const Tensor teacher = random_normal(size, 3);
    for (const bool normalize : {false, true})
      check("hint", [&](const V& v) { return hint(v[0], v[1], teacher, normalize).value; }, {a, w});
    check("attention", [&](const V& v) { return attention(v[0], teacher).value; }, {a});
  }
}

TEST_CASE("a student equal to its teacher stays where it is", "[losses][teacher]") {
  const Tensor g = unit(random_normal({12, 6}, 5));
  for (const PairLoss& loss : pair_losses()) {
    INFO(loss.name);
    const auto [value, gradient] = value_and_gradient(loss, g, g);
    CHECK(std::isfinite(gradient));
    if (!loss.zero_at_teacher) continue;
    CHECK(std::abs(value) <= 1e-15);
    CHECK(gradient <= trace(loss));
  }
  const Tensor maps = random_normal({2, 3, 4, 4}, 6);
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
