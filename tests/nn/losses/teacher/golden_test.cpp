// Losses that learn from a teacher against PyTorch in float64: values, gradients and the number for the log
// (tests/golden/make_teacher_losses.py). The absolute and relative teacher are in losses_golden.cpp.
#include <catch2/catch.hpp>
#include <functional>

#include "autograd/ops/distance.h"
#include "autograd/ops/eltwise.h"
#include "autograd/ops/gemm.h"
#include "nn/losses/teacher/absolute_relative.h"
#include "nn/losses/teacher/maps.h"
#include "nn/losses/teacher/ranking.h"
#include "nn/losses/teacher/rkd.h"
#include "nn/losses/teacher/similarity.h"
#include "nn/losses/teacher/stages.h"
#include "tests/nn/models/golden.h"

using namespace fledge;
using namespace fledge::test;

namespace {

Tensor golden(const std::string& name) {
  static const NamedTensors file = golden_file("teacher_losses.safetensors");
  return find(file, name);
}
Variable leaf(const std::string& name) { return Variable(golden(name).clone(), true); }

using LossOf = std::function<LossOutput(const std::vector<Variable>&)>;

/// Value, number and gradients to `tolerance` of their size. Back-propagated from 3 * value: the seed must count. Then
/// in float32, to 2e-5.
void check(const std::string& name, const std::vector<std::string>& keys, const LossOf& loss,
           double tolerance = 1e-11) {
  INFO(name);
  for (const DType dtype : {DType::Float64, DType::Float32}) {
    const double allowed = dtype == DType::Float64 ? tolerance : 2e-5;
    std::vector<Variable> leaves;
    for (const std::string& key : keys) leaves.emplace_back(golden(key).to(dtype).clone(), true);
    const LossOutput out = loss(leaves);
    CHECK(out.value.value().dtype() == dtype);
    CHECK(out.value.item() == Approx(golden(name).item()).epsilon(allowed));
    REQUIRE(out.numbers.size() == 1);
    CHECK(out.numbers[0].second.value() == Approx(golden(name + ".number").item()).epsilon(allowed));
    (3.0 * out.value).backward();
    for (std::size_t i = 0; i < keys.size(); ++i) {
      INFO("gradient of " << keys[i]);
      REQUIRE(leaves[i].grad().defined());
      const Tensor third = affine(Variable(leaves[i].grad()), 1 / 3.0, 0).value();
      CHECK(relative_error(third, golden(name + ".grad_" + keys[i])) <= allowed);
    }
  }
}

}  // namespace

TEST_CASE("relational distillation equals PyTorch's", "[losses][teacher][golden]") {
  for (const std::string key : {"raw", "f"})
    for (const std::string teacher : {"g", "g_far", "g_twice"}) {
      const Tensor g = golden(teacher);
      check("rkd_distance." + key + "." + teacher, {key}, [&](const auto& v) { return rkd_distance(v[0], g); });
      check("rkd_angle." + key + "." + teacher, {key}, [&](const auto& v) { return rkd_angle(v[0], g); });
    }
}

TEST_CASE("DarkRank equals PyTorch's, all orders written out", "[losses][teacher][golden]") {
  const Tensor g = golden("g");
  for (const std::string key : {"raw", "f"})
    for (const auto& [alpha, beta, length] : {std::tuple{3.0, 3.0, 4}, {2.0, 1.5, 3}, {1.0, 2.0, 5}}) {
      const std::string tail = std::to_string(length);
      RankOptions o{RankForm::Hard, alpha, beta, length};
      check("darkrank." + key + ".hard" + tail, {key}, [&](const auto& v) { return darkrank(v[0], g, o); });
      o.form = RankForm::Soft;
      check("darkrank." + key + ".soft" + tail, {key}, [&](const auto& v) { return darkrank(v[0], g, o); });
    }
}

TEST_CASE("soft neighbourhoods equal PyTorch's", "[losses][teacher][golden]") {
  const Tensor g = golden("g"), tripled = affine(Variable(g), 3, 0).value();
  for (const std::string key : {"raw", "f"}) {
    check("pkt." + key + ".diagonal", {key}, [&](const auto& v) { return pkt(v[0], g, true); });
    check("pkt." + key + ".pairs", {key}, [&](const auto& v) { return pkt(v[0], g, false); });
    check("relaxed." + key + ".1_1", {key}, [&](const auto& v) { return relaxed_contrastive(v[0], g, 1, 1); });
    check("relaxed." + key + ".0.5_1.3", {key},
          [&](const auto& v) { return relaxed_contrastive(v[0], tripled, 0.5, 1.3); });
  }
}

TEST_CASE("hints and attention equal PyTorch's, for maps of every size", "[losses][teacher][golden]") {
  for (const std::string size : {"same", "double", "larger", "smaller", "mixed", "pixel"}) {
    const Tensor teacher = golden("maps." + size);
    CHECK(relative_error(resize_map(teacher, 4, 5), golden("resized." + size)) <= 1e-14);
    check("hint." + size, {"a", "w"}, [&](const auto& v) { return hint(v[0], v[1], teacher, false); });
    check("hint_normalized." + size, {"a", "w"}, [&](const auto& v) { return hint(v[0], v[1], teacher, true); });
    check("attention." + size, {"a"}, [&](const auto& v) { return attention(v[0], teacher); });
  }
}

TEST_CASE("maps in channels-last memory give the same", "[losses][teacher][golden]") {
  const Tensor teacher = golden("maps.larger").contiguous(Layout::ChannelsLast);
  CHECK(relative_error(resize_map(teacher, 4, 5), golden("resized.larger")) <= 1e-14);
  const Variable a(golden("a").contiguous(Layout::ChannelsLast), true), w = leaf("w");
  CHECK(attention(a, teacher).value.item() == Approx(golden("attention.larger").item()).epsilon(1e-12));
  CHECK(hint(a, w, teacher, false).value.item() == Approx(golden("hint.larger").item()).epsilon(1e-12));
}

TEST_CASE("the absolute teacher through a projection equals PyTorch's", "[losses][teacher][golden]") {
  for (const auto& [name, form] : {std::pair{"l2", AbsoluteForm::L2}, {"sq", AbsoluteForm::Squared}}) {
    const Variable f = leaf("f"), p = leaf("p");
    const Variable value = absolute_teacher(l2_normalize(linear(f, p, {})), golden("g"), form);
    const std::string key = std::string("projected.") + name;
    CHECK(value.item() == Approx(golden(key).item()).epsilon(1e-12));
    value.backward();
    CHECK(relative_error(f.grad(), golden(key + ".grad_f")) <= 1e-12);
    CHECK(relative_error(p.grad(), golden(key + ".grad_p")) <= 1e-12);
  }
}
