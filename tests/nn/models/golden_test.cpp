#include "tests/nn/models/golden.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <limits>

#include "io/checkpoint/safetensors.h"
#include "tensor/creation.h"

namespace fledge::test {

NamedTensors golden_file(const std::string& name) {
  return load_safetensors(std::string(FLEDGE_SOURCE_DIR) + "/tests/golden/" + name).tensors;
}

std::string shared_path(const std::string& name) {
  const char* folder = std::getenv("FLEDGE_SHARED");
  return (folder ? std::string(folder) : std::string(FLEDGE_SOURCE_DIR) + "/../shared") + "/" + name;
}

bool have_shared(const std::string& name) {
  if (std::filesystem::exists(shared_path(name))) return true;
  std::cerr << "left out: no " << name << " in the shared folder (FLEDGE_SHARED names it)\n";
  return false;
}

bool has(const NamedTensors& tensors, const std::string& name) {
  return std::any_of(tensors.begin(), tensors.end(), [&](const auto& t) { return t.first == name; });
}

Tensor find(const NamedTensors& tensors, const std::string& name) {
  for (const auto& [n, t] : tensors)
    if (n == name) return t;
  FAIL("no tensor '" << name << "'");
  return {};
}

NamedTensors below(const NamedTensors& tensors, const std::string& prefix) {
  NamedTensors found;
  for (const auto& [name, t] : tensors)
    if (name.compare(0, prefix.size(), prefix) == 0) found.emplace_back(name.substr(prefix.size()), t);
  return found;
}

void fill_by_formula(Module& module, double gain) {
  for (const auto& [name, t] : module.named_state()) {
    if (t.rank() == 0) continue;  // num_batches_tracked
    double scale = 1, shift = 0;
    if (name.ends_with("running_mean"))
      scale = 0.2;
    else if (name.ends_with("running_var"))
      scale = 0.5, shift = 1;
    else if (name.ends_with("bias"))
      scale = 0.1;
    else if (t.rank() == 1)
      shift = name == "model.1.1.weight" ? gain : 1, scale = 0.3 * shift;
    else if (t.rank() == 4)
      scale = std::sqrt(6.0 / static_cast<double>(t.numel() / t.dim(0)));
    const Tensor u = formula(name, t.dims());
    double* values = u.data<double>();
    for (std::int64_t i = 0; i < u.numel(); ++i) values[i] = scale * values[i] + shift;
    t.copy_from(u);
  }
}

double relative_error(const Tensor& got, const Tensor& expected) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (!got.defined() || !(got.dims() == expected.dims())) return kInfinity;
  const std::vector<double> a = got.to_vector<double>(), b = expected.to_vector<double>();
  double worst = 0, scale = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i])) return kInfinity;
    worst = std::max(worst, std::abs(a[i] - b[i]));
    scale = std::max(scale, std::abs(b[i]));
  }
  return worst == 0 ? 0 : worst / scale;
}

}  // namespace fledge::test
