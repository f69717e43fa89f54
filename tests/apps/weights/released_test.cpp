// Weight files as PyTorch of every age wrote them, through the binary: opened as they are, converted, and written back,
// each network gives the recorded embeddings or logits of the recorded input.
#include <catch2/catch.hpp>
#include <cmath>

#include "io/checkpoint/safetensors.h"
#include "io/npy.h"
#include "tests/apps/runner.h"

namespace fs = std::filesystem;
using namespace fledge;
using namespace fledge::test;

namespace {

/// NAME.io.safetensors and the weight file NAME.* beside it.
struct Recorded {
  std::string weights, io;
};

std::vector<Recorded> recorded_networks(const std::string& folder) {
  const std::string kIo = ".io.safetensors";
  std::vector<Recorded> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string path = entry.path().string();
    if (!path.ends_with(kIo)) continue;
    const std::string stem = path.substr(0, path.size() - kIo.size());
    for (const char* end : {".pth", ".pkl", ".pth.tar", ".safetensors"})
      if (fs::exists(stem + end)) found.push_back({stem + end, path});
  }
  return found;
}

void check_rows(const Tensor& got, const Tensor& expected) {
  REQUIRE(got.dims() == expected.dims());
  const auto a = got.to_vector<double>(), b = expected.to_vector<double>();
  const std::size_t columns = static_cast<std::size_t>(got.dim(1));
  for (std::size_t row = 0; row < a.size(); row += columns) {
    double worst = 0, ab = 0, aa = 0, bb = 0;
    for (std::size_t i = row; i < row + columns; ++i) {
      worst = std::max(worst, std::isfinite(a[i]) ? std::abs(a[i] - b[i]) : 1e30);
      ab += a[i] * b[i], aa += a[i] * a[i], bb += b[i] * b[i];
    }
    CHECK(worst <= 1e-4);
    CHECK(ab / std::sqrt(aa * bb) >= 0.99999);
  }
}

/// The model's output for the recorded input, from the file `model`.
void check_output(const TempFolder& folder, const std::string& model, const std::string& io, const Arguments& more) {
  INFO(model);
  const auto recorded = load_safetensors(io).tensors;
  const auto find = [&](const std::string& name) {
    for (const auto& [n, t] : recorded)
      if (n == name) return t;
    return Tensor();
  };
  const bool embedding = find("embedding").defined();
  must(folder, Arguments{"embed", "--model", model, "--input", io, "--output", "y", "--quiet"} + more +
                   (embedding ? Arguments{} : Arguments{"--logits"}));
  check_rows(load_npy(folder / "y.npy"), find(embedding ? "embedding" : "logits"));
}

}  // namespace

TEST_CASE("released networks give their recorded outputs: as they are, converted, and back", "[e2e][released]") {
  const std::string shared = shared_folder("");
  if (shared.empty()) {
    WARN("skipped: no shared fixtures (set FLEDGE_SHARED)");
    return;
  }
  const TempFolder folder;
  std::size_t networks = 0;
  for (const std::string sub : {"/fixtures", "/fixtures/full_size", "/weights"})
    for (const Recorded& r : recorded_networks(shared + sub)) {
      INFO(r.weights);
      ++networks;
      // Names and shapes do not say that weights came from Keras.
      const bool keras = r.weights.find("keras") != std::string::npos;
      const Arguments variant = keras ? Arguments{"--conventions", "keras"} : Arguments{};
      check_output(folder, r.weights, r.io, variant);
      must(folder, Arguments{"convert", r.weights, "-o", "c.safetensors"} + variant);
      check_output(folder, "c.safetensors", r.io, {});
      must(folder, {"convert", "c.safetensors", "-o", "b.pth"});
      check_output(folder, "b.pth", r.io, variant);
    }
  CHECK(networks >= 20);
}

TEST_CASE("the ImageNet weights give the recorded logits on the pictures themselves", "[e2e][released]") {
  const std::string shared = shared_folder("");
  if (shared.empty()) {
    WARN("skipped: no shared pictures (set FLEDGE_SHARED)");
    return;
  }
  const TempFolder folder;
  // In the order of the recorded rows: names are sorted.
  fs::create_directories(folder / "pictures/all");
  fs::copy(shared + "/weights/coffee_224.png", folder / "pictures/all/0.png");
  fs::copy(shared + "/weights/cat_224.png", folder / "pictures/all/1.png");
  for (const auto& [file, io, variant] : std::vector<std::tuple<std::string, std::string, std::string>>{
           {"mobilenet_v1_0.25_imagenet.pth.tar", "mobilenet_v1_0.25_imagenet", "torch"},
           {"mobilenet_v1_0.25_imagenet.safetensors", "mobilenet_v1_0.25_imagenet", "torch"},
           {"mobilenet_v1_0.25_imagenet_keras.safetensors", "mobilenet_v1_0.25_imagenet_keras", "keras"},
           {"mobilenet_v1_0.75_imagenet_keras.safetensors", "mobilenet_v1_0.75_imagenet_keras", "keras"}}) {
    INFO(file);
    must(folder, {"embed", "--model", shared + "/weights/" + file, "--conventions", variant, "--data", "pictures",
                  "--resize-short", "0", "--logits", "--output", "y", "--quiet"});
    for (const auto& [name, t] : load_safetensors(shared + "/weights/" + io + ".io.safetensors").tensors)
      if (name == "logits") check_rows(load_npy(folder / "y.npy"), t);
  }
}
