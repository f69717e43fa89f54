// Every differentiable operation against central differences, and that every operation has a case.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

#include "autograd/gradcheck.h"
#include "autograd/node.h"
#include "autograd/ops/ops.h"
#include "tensor/creation.h"
#include "tensor/random.h"
#include "tests/autograd/cases.h"

namespace fledge::test {
namespace {

/// The strings returned by Node::name() in autograd/ops, read from the sources, so that a new node cannot be forgotten.
/// Those of elementwise nodes are the operations' (name_of() in kernels/api/eltwise.h).
std::set<std::string> names_in_sources() {
  const std::regex name_line(
      "name\\(\\) const override|case UnaryOp::|make_shared<(Sum|Extreme)Node>|attach_extreme\\(\"");
  const std::regex quoted("\"([a-z0-9_]+)\"");
  std::set<std::string> names;
  std::vector<std::filesystem::path> files = {FLEDGE_SOURCE_DIR "/kernels/api/eltwise.h"};
  for (const auto& file : std::filesystem::directory_iterator(FLEDGE_SOURCE_DIR "/autograd/ops"))
    if (file.path().extension() == ".cpp") files.push_back(file.path());
  for (const auto& file : files) {
    std::ifstream in(file);
    for (std::string line, next; std::getline(in, line);) {
      if (!std::regex_search(line, name_line)) continue;
      if (line.back() == ':' && std::getline(in, next)) line += next;  // "case UnaryOp::ReLU:" and its return below
      for (std::sregex_iterator it(line.begin(), line.end(), quoted), end; it != end; ++it) names.insert((*it)[1]);
    }
  }
  return names;
}

/// Gradients of all inputs when only those with wanted[i] require one.
std::vector<Tensor> gradients(const GradCase& c, const std::vector<bool>& wanted) {
  Leaves leaves;
  for (std::size_t i = 0; i < c.inputs.size(); ++i) leaves.emplace_back(c.inputs[i].clone(), bool(wanted[i]));
  const Variable y = c.f(leaves);
  Generator g(9);
  y.backward(rand_normal(y.dims(), g, 0, 1, DType::Float64).to(y.value().dtype()));
  std::vector<Tensor> grads;
  for (const Variable& leaf : leaves) grads.push_back(leaf.grad());
  return grads;
}

}  // namespace

TEST_CASE("analytic gradients equal central differences") {
  for (const GradCase& c : all_cases()) {
    const GradcheckResult result = gradcheck(c.f, c.inputs, {.step = c.step});
    INFO(c.op << " " << c.what << ": " << result.message);
    CHECK(result.ok);
    CHECK(result.worst <= 1e-6);
  }
}

TEST_CASE("every case runs the node it is listed for") {
  for (const GradCase& c : all_cases()) {
    Leaves leaves;
    for (const Tensor& t : c.inputs) leaves.emplace_back(t, true);
    const std::vector<std::string> names = node_names(c.f(leaves));
    INFO(c.op << " " << c.what);
    CHECK(std::find(names.begin(), names.end(), c.op) != names.end());
  }
}

TEST_CASE("every node of autograd/ops has a gradient case") {
  std::set<std::string> covered;
  for (const GradCase& c : all_cases()) covered.insert(c.op);
  std::set<std::string> names = names_in_sources();
  REQUIRE(names.size() >= 36);
  names.erase("to_device");  // needs a second device: test_device.cpp
  for (const std::string& name : names) {
    INFO("node " << name << " has no case in tests/autograd/cases_*.cpp");
    CHECK(covered.count(name) == 1);
  }
  for (const std::string& name : covered) {
    INFO("case " << name << " names no node of autograd/ops");
    CHECK(names.count(name) == 1);
  }
}

// Nodes save less and compute less when an input is constant; what is left must not change.
TEST_CASE("a gradient does not depend on which other inputs want one") {
  for (const GradCase& c : all_cases()) {
    if (c.inputs.size() < 2) continue;
    const std::vector<Tensor> all = gradients(c, std::vector<bool>(c.inputs.size(), true));
    for (std::size_t i = 0; i < c.inputs.size(); ++i) {
      std::vector<bool> wanted(c.inputs.size(), false);
      wanted[i] = true;
      const std::vector<Tensor> one = gradients(c, wanted);
      for (std::size_t k = 0; k < one.size(); ++k) {
        INFO(c.op << " " << c.what << ": only input " << i << " wants a gradient, looking at " << k);
        REQUIRE(one[k].defined() == (k == i));
        if (k == i) CHECK(one[k].to_vector<double>() == all[k].to_vector<double>());
      }
    }
  }
}

TEST_CASE("gradcheck notices a wrong gradient") {
  // The graph says 2x, the value says x^2 + x / 1000.
  const auto wrong = [](const Leaves& v) {
    const Variable hidden = affine(v[0].detach(), 1e-3, 0);
    return square(v[0]) + hidden;
  };
  const GradcheckResult result = gradcheck(wrong, {normal({3}, 1)});
  CHECK_FALSE(result.ok);
  CHECK(result.worst > 1e-4);
  CHECK(result.message.find("input 0, element") != std::string::npos);
  CHECK_THROWS_WITH(gradcheck(wrong, {zeros({3})}), Catch::Contains("inputs must be float64"));
}

TEST_CASE("gradcheck notices a gradient that is not finite") {
  const auto f = [](const Leaves& v) { return log(v[0]); };
  CHECK_FALSE(gradcheck(f, {from_vector<double>({-1}, {1})}).ok);
}

}  // namespace fledge::test
