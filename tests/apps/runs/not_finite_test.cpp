// NaN and infinity in weights, inputs and embeddings: refused by name wherever they come in, never written.
#include <catch2/catch.hpp>
#include <filesystem>
#include <limits>

#include "io/npy.h"
#include "tensor/creation.h"
#include "tests/apps/runs/model_files.h"
#include "train/run/checkpoint.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;
namespace fs = std::filesystem;

namespace {

const double kNaN = std::numeric_limits<double>::quiet_NaN(), kInf = std::numeric_limits<double>::infinity();

/// The number of that place in a model file becomes another; the rest stays.
void spoil(const std::string& from, const std::string& to, const std::string& tensor, std::int64_t at, double value) {
  SafetensorsFile file = load_safetensors(from);
  bool found = false;
  for (auto& [name, t] : file.tensors)
    if (name == tensor) t.reshape({t.numel()}).slice(0, at, 1).fill(value), found = true;
  REQUIRE(found);
  save_safetensors(to, file.tensors, file.metadata);
}

}  // namespace

TEST_CASE("weights that are no numbers are refused by name, by every verb and every set of kernels",
          "[e2e][not-finite]") {
  const TempFolder folder;
  make_pictures(folder / "train", 4, 4, 32, 31);
  make_pictures(folder / "test", 2, 4, 32, 32);
  must(folder, Arguments{"train"} + tiny() + Arguments{"--run", "run"});
  const std::string sound = file_of(folder, "run", checkpoints(folder / "run").back(), "model.safetensors");
  must(folder, {"embed", "--model", "run", "--data", "test", "--output", "index"});
  const Arguments student =
      tiny("mobilenet_v1") + Arguments{"--teacher", "bad.safetensors", "--distill", "relative=1", "--run", "new"};
  const std::vector<Arguments> verbs = {
      {"embed", "--model", "bad.safetensors", "--data", "test", "--output", "out"},
      {"embed", "--model", "bad.safetensors", "--pooled", "--data", "test", "--output", "out"},
      {"eval", "--model", "bad.safetensors", "--data", "test"},
      {"eval", "--model", "run", "--gallery-model", "bad.safetensors", "--data", "test"},
      {"convert", "bad.safetensors", "-o", "out.safetensors"},
      {"convert", "bad.safetensors", "-o", "out.pth"},
      {"search", "--index", "index", "--model", "bad.safetensors", "--data", "test"},
      Arguments{"train"} + tiny() + Arguments{"--weights", "bad.safetensors", "--run", "new"},
      Arguments{"distill"} + student};
  const auto refused = [&](const Arguments& verb, const std::string& what) {
    const Outcome out = run_fledge(folder, verb);
    INFO(verb[0] << ": " << out.out << out.err);
    CHECK(out.code == 3);
    CHECK_THAT(out.err, Contains(what) && Contains("bad.safetensors"));
    CHECK(out.out == "");
    for (const char* made : {"out.npy", "out.tsv", "out.safetensors", "out.pth", "new"})
      CHECK_FALSE(fs::exists(folder / made));
  };
  SECTION("every verb") {
    spoil(sound, folder / "bad.safetensors", "layer1.0.conv1.weight", 5, kInf);
    for (const Arguments& verb : verbs) refused(verb, "tensor 'layer1.0.conv1.weight' is inf at [0,");
  }
  SECTION("every kind of tensor") {
    spoil(sound, folder / "bad.safetensors", "bn1.running_var", 2, -0.5);
    for (const Arguments& verb : {verbs[0], verbs[4], verbs[5], verbs[7]})
      refused(verb, "tensor 'bn1.running_var' is -0.5 at [2]");
    spoil(sound, folder / "bad.safetensors", "bn1.running_mean", 1, -kInf);
    refused(verbs[0], "tensor 'bn1.running_mean' is -inf at [1]");
    spoil(sound, folder / "bad.safetensors", "feat.bias", 0, kNaN);
    refused(verbs[0], "tensor 'feat.bias' is nan at [0]");
  }
  SECTION("every set of kernels") {
    spoil(sound, folder / "bad.safetensors", "bn1.weight", 3, kNaN);
    for (const char* kernels : {"ref", "simd", "onednn"}) {
      const Setting setting("FLEDGE_CPU_KERNELS", kernels);
      refused(verbs[0], "tensor 'bn1.weight' is nan at [3]");
    }
  }
  SECTION("a checkpoint that is resumed") {
    const std::string step = checkpoints(folder / "run").back();
    // As an earlier fledge saved it: with checksums that hold.
    SafetensorsFile moments = load_safetensors(file_of(folder, "run", step, "optimizer.safetensors"));
    REQUIRE_FALSE(moments.tensors.empty());
    const auto at = std::find_if(moments.tensors.begin(), moments.tensors.end(),
                                 [](const auto& t) { return t.first.starts_with("exp_avg_sq."); });
    REQUIRE(at != moments.tensors.end());
    at->second.reshape({at->second.numel()}).slice(0, 0, 1).fill(kNaN);
    Checkpoint c = load_checkpoint(folder / ("run/checkpoints/" + step));
    c.optimizer = moments.tensors;
    c.state.finished = false;
    save_checkpoint(folder / "run", c, 2);
    const Outcome out = run_fledge(
        folder, Arguments{"train"} + tiny() +
                    Arguments{"--run", "run", "--epochs", "2", "--resume", "auto", "--resume-allow-change", "true"});
    CHECK(out.code == 3);
    CHECK_THAT(out.err, Contains(at->first) && Contains("nan at [0") && Contains(step));
  }
}

TEST_CASE("sums that overflow end with 5 and the picture's name in every set of kernels", "[e2e][not-finite]") {
  const TempFolder folder;
  make_pictures(folder / "train", 3, 4, 32, 31);
  make_pictures(folder / "test", 2, 4, 32, 32);
  must(folder, Arguments{"train"} + tiny() + Arguments{"--run", "run"});
  const std::string sound = file_of(folder, "run", checkpoints(folder / "run").back(), "model.safetensors");
  scale(sound, folder / "a.safetensors", "layer1.0.conv1.weight", 1e25);
  scale(folder / "a.safetensors", folder / "b.safetensors", "layer1.0.conv2.weight", 1e25);
  for (const char* kernels : {"ref", "simd", "onednn"}) {
    const Setting setting("FLEDGE_CPU_KERNELS", kernels);
    for (const Arguments& verb : {Arguments{"embed", "--output", "out"}, Arguments{"eval"}}) {
      const Outcome out = run_fledge(folder, verb + Arguments{"--model", "b.safetensors", "--data", "test"});
      INFO(kernels << " " << verb[0] << ": " << out.out << out.err);
      CHECK(out.code == 5);
      CHECK_THAT(out.err, Contains(".png'") && Contains("nan at ["));
      CHECK_FALSE(fs::exists(folder / "out.npy"));
      CHECK_FALSE(fs::exists(folder / "out.tsv"));
    }
  }
}

TEST_CASE("inputs and stored embeddings that are no numbers are refused by row", "[e2e][not-finite]") {
  const TempFolder folder;
  make_pictures(folder / "train", 3, 4, 32, 31);
  make_pictures(folder / "test", 2, 4, 32, 32);
  must(folder, Arguments{"train"} + tiny() + Arguments{"--run", "run"});
  for (const double bad : {kNaN, kInf, -kInf}) {
    const Tensor input = zeros({3, 3, 28, 28});
    input.slice(0, 1, 1).slice(1, 2, 1).slice(2, 3, 1).slice(3, 4, 1).fill(bad);
    save_npy(folder / "input.npy", input);
    const Outcome out = run_fledge(folder, {"embed", "--model", "run", "--input", "input.npy", "--output", "out"});
    CHECK(out.code == 3);
    CHECK_THAT(out.err, Contains("row 1 of 'input.npy'") && Contains("at [1,2,3,4]"));
    CHECK_FALSE(fs::exists(folder / "out.npy"));
  }
  must(folder, {"embed", "--model", "run", "--data", "test", "--output", "good"});
  const Tensor rows = load_npy(folder / "good.npy");
  rows.slice(0, 2, 1).slice(1, 5, 1).fill(kNaN);
  for (const DType type : {DType::Float32, DType::Float64}) {
    save_npy(folder / "bad.npy", rows.to(type));
    fs::copy(folder / "good.tsv", folder / "bad.tsv", fs::copy_options::overwrite_existing);
    for (const Arguments& verb : {Arguments{"eval", "--embeddings", "bad.npy", "--table", "bad.tsv"},
                                  Arguments{"eval", "--embeddings", "good.npy", "--table", "good.tsv",
                                            "--gallery-embeddings", "bad.npy", "--gallery-table", "bad.tsv"},
                                  Arguments{"search", "--index", "bad", "--queries", "good"},
                                  Arguments{"search", "--index", "good", "--queries", "bad"}}) {
      const Outcome out = run_fledge(folder, verb);
      CHECK(out.code == 3);
      CHECK_THAT(out.err, Contains("row 2 of 'bad.npy'") && Contains("nan at [2,5]") && Contains(".png"));
    }
  }
}

TEST_CASE("the shared weight files with NaN, infinity and a negative variance", "[e2e][not-finite]") {
  const std::string cases = shared_folder("cases/w_nan");
  if (cases.empty()) {
    WARN("left out: no ../shared/cases/w_nan");
    return;
  }
  const TempFolder folder;
  make_pictures(folder / "test", 2, 4, 64, 32);
  for (const auto& [file, tensor] : {std::pair<const char*, const char*>{"inf_conv1.pth", "conv1.weight"},
                                     {"nan_running_var.pth", "running_var"},
                                     {"negative_running_var.pth", "running_var"}}) {
    const std::string model = cases + "/" + file;
    for (const char* kernels : {"ref", "simd", "onednn"}) {
      const Setting setting("FLEDGE_CPU_KERNELS", kernels);
      const Outcome out = run_fledge(folder, {"embed", "--model", model, "--pooled", "--data", "test"});
      CHECK(out.code == 3);
      CHECK_THAT(out.err, Contains(tensor) && Contains(file));
    }
    CHECK(run_fledge(folder, {"eval", "--model", model, "--pooled", "--data", "test"}).code == 3);
    CHECK(run_fledge(folder, {"convert", model, "-o", "out.safetensors"}).code == 3);
    CHECK_FALSE(fs::exists(folder / "out.safetensors"));
  }
}
