// Whole networks at full width against PyTorch: weights in a file as torch.save writes it, converted, run on two real
// pictures through our decoding and transform. The expected values are float64 (tests/golden/make_parity.py).
#include <catch2/catch.hpp>
#include <cmath>
#include <iostream>

#include "io/checkpoint/safetensors.h"
#include "io/npy.h"
#include "io/torch/write_torch.h"
#include "nn/import/import.h"
#include "tensor/creation.h"
#include "tests/apps/runner.h"
#include "tests/support/formula.h"

using namespace fledge;
using namespace fledge::test;

namespace {

/// `fill` of make_parity.py.
Tensor weight(const std::string& name, const Dims& dims) {
  if (name.ends_with("num_batches_tracked")) return zeros({}, DType::Int64);
  double scale = 1, shift = 0;
  const double filter = static_cast<double>(dims.numel() / dims[0]);
  if (name.ends_with("running_mean"))
    scale = 0.2;
  else if (name.ends_with("running_var"))
    scale = 0.5, shift = 1;
  else if (name.ends_with("bias"))
    scale = 0.1;
  else if (dims.rank() == 4)
    scale = std::sqrt(6.0 / filter);
  else if (dims.rank() == 2)
    scale = std::sqrt(3.0 / filter);
  else
    shift = name.ends_with("bn2.weight") || name.ends_with("bn3.weight") ? 0.25 : 1, scale = 0.3 * shift;
  const Tensor t = formula(name, dims);
  double* values = t.data<double>();
  for (std::int64_t i = 0; i < t.numel(); ++i) values[i] = scale * values[i] + shift;
  return t.to(DType::Float32);
}

void write_network(const std::string& path, const ModelSpec& spec) {
  std::vector<TensorToSave> tensors;
  for (const NamedShape& s : shapes_of(spec)) {
    Dims dims;
    for (const std::int64_t d : s.shape) dims.push_back(d);
    tensors.push_back(to_save(s.name, weight(s.name, dims)));
  }
  save_torch(path, tensors);
}

Tensor golden(const std::string& name) {
  static const SafetensorsFile file =
      load_safetensors(std::string(FLEDGE_SOURCE_DIR) + "/tests/golden/parity.safetensors");
  for (const auto& [n, t] : file.tensors)
    if (n == name) return t;
  FAIL("no golden tensor " << name);
  return {};
}

/// Rows of `got` are in the order of file names (cat, coffee), the golden ones the other way round.
double largest_difference(const Tensor& got, const Tensor& expected) {
  double worst = 0;
  for (std::int64_t row = 0; row < 2; ++row)
    for (std::int64_t i = 0; i < expected.dim(1); ++i) {
      const double a = got.slice(0, 1 - row, 1).slice(1, i, 1).item(),
                   b = expected.slice(0, row, 1).slice(1, i, 1).item();
      worst = std::isfinite(a) ? std::max(worst, std::abs(a - b)) : 1e30;
    }
  return worst;
}

}  // namespace

TEST_CASE("full-size networks give PyTorch's logits on real pictures", "[e2e][parity]") {
  const std::string shared = shared_folder("weights");
  if (shared.empty()) {
    WARN("skipped: no shared pictures (set FLEDGE_SHARED)");
    return;
  }
  const TempFolder folder;
  std::filesystem::create_directories(folder / "pictures/all");
  for (const std::string name : {"cat_224.png", "coffee_224.png"})
    std::filesystem::copy(shared + "/" + name, folder / ("pictures/all/" + name));
  for (const auto& [network, arch, width] :
       std::vector<std::tuple<std::string, std::string, double>>{{"resnet18", "resnet18", 1},
                                                                 {"resnet34", "resnet34", 1},
                                                                 {"resnet50", "resnet50", 1},
                                                                 {"resnet101", "resnet101", 1},
                                                                 {"mobilenet_v1_1.0", "mobilenet_v1", 1},
                                                                 {"mobilenet_v1_0.25", "mobilenet_v1", 0.25}}) {
    INFO(network);
    write_network(folder / "w.pth", {.arch = arch, .width = width, .embedding = 0, .classes = 1000});
    must(folder, {"convert", "w.pth", "-o", "w.safetensors"});
    must(folder, {"embed", "--model", "w.safetensors", "--data", "pictures", "--logits", "--output", "l", "--quiet"});
    const double difference = largest_difference(load_npy(folder / "l.npy"), golden("formula/" + network + "/logits"));
    std::cout << "  " << network << ": largest difference of a logit " << difference << "\n";
    CHECK(difference <= 1e-4);
  }
}
