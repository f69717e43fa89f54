// The binary with --device cuda, on the module whose kernels are emulated on the CPU (tests/cuda), so that all but the
// vendor's libraries is tested without a GPU. With FLEDGE_CUDA_MODULE=build/apps/libfledge_cuda.so the training tests
// run on the GPU of this machine instead.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <numeric>

#include "nn/losses/loss.h"
#include "tests/apps/runner.h"

using namespace fledge::test;
using Catch::Contains;
using nlohmann::json;

namespace {

const std::string kModuleUnderTest = [] {
  const char* given = std::getenv("FLEDGE_CUDA_MODULE");  // before the first Setting
  return given && *given ? std::string(given) : std::string(FLEDGE_EMULATED_MODULE);
}();

Arguments cuda(const std::string& precision = "f32") { return {"--device", "cuda", "--precision", precision}; }

std::vector<double> column(const std::string& run, const std::string& key) {
  std::vector<double> values;
  for (const std::string& line : log_lines(run, "step")) values.push_back(json::parse(line).at(key).get<double>());
  return values;
}

/// Largest difference of two logged columns, relative to the largest value.
double difference(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0, largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    worst = std::max(worst, std::fabs(a[i] - b[i]));
    largest = std::max(largest, std::fabs(b[i]));
  }
  return worst / largest;
}

void make_data(const TempFolder& folder) {
  make_pictures(folder / "train", 6, 8, 32, 1);
  make_pictures(folder / "test", 3, 8, 32, 2);
}

Bytes last_model(const TempFolder& folder, const std::string& run) {
  return slurp(folder / (run + "/checkpoints/" + checkpoints(folder / run).back() + "/model.safetensors"));
}

}  // namespace

TEST_CASE("no GPU: one message, exit 4", "[e2e][gpu]") {
  const TempFolder folder;
  make_data(folder);
  const Arguments command = Arguments{"train"} + tiny() + Arguments{"--run", "r"} + cuda();
  SECTION("a module, and no device") {
    const Setting module("FLEDGE_CUDA_MODULE", FLEDGE_EMULATED_MODULE), none("FLEDGE_EMULATOR_DEVICES", "0");
    const Outcome outcome = run_fledge(folder, command);
    CHECK(outcome.code == 4);
    CHECK_THAT(outcome.err, Contains("no NVIDIA GPU was found") && Contains("--device cpu"));
    CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 2);  // the error and its hint
    const Outcome doctor = must(folder, {"doctor"});
    CHECK_THAT(doctor.out, Contains("none: no NVIDIA GPU was found"));
    must(folder, Arguments{"train"} + tiny() + Arguments{"--run", "auto", "--device", "auto"});  // goes to the CPU
  }
  SECTION("no module") {
    const Setting module("FLEDGE_CUDA_MODULE", folder / "nowhere.so");
    const Outcome outcome = run_fledge(folder, command);
    CHECK(outcome.code == 4);
    CHECK_THAT(outcome.err, Contains("no GPU module: there is no") && Contains("nowhere.so"));
  }
  SECTION("a file that is no module") {
    std::ofstream(folder / "text.so") << "text";
    const Setting module("FLEDGE_CUDA_MODULE", folder / "text.so");
    const Outcome outcome = run_fledge(folder, command);
    CHECK(outcome.code == 4);
    CHECK_THAT(outcome.err, Contains("cannot be loaded"));
  }
  CHECK_FALSE(std::filesystem::exists(folder / "r"));  // nothing was begun
}

TEST_CASE("devices and precisions that do not exist", "[e2e][gpu]") {
  const TempFolder folder;
  make_data(folder);
  const Setting module("FLEDGE_CUDA_MODULE", FLEDGE_EMULATED_MODULE);
  const auto fails = [&](const Arguments& more, int code, const std::string& text) {
    const Outcome outcome = run_fledge(folder, Arguments{"train"} + tiny() + Arguments{"--run", "r"} + more);
    CHECK(outcome.code == code);
    CHECK_THAT(outcome.err, Contains(text));
  };
  fails({"--device", "gpu"}, 2, "none of auto, cpu, cuda[:N]");
  fails({"--device", "cuda:x"}, 2, "none of auto, cpu, cuda[:N]");
  fails({"--device", "cuda:7"}, 4, "no GPU number 7");
  fails({"--device", "cuda", "--precision", "f16"}, 2, "none of f32, tf32, bf16");
  fails({"--device", "cpu", "--precision", "tf32"}, 2, "needs a GPU");
}

TEST_CASE("doctor names the GPU and its libraries", "[e2e][gpu]") {
  const TempFolder folder;
  const Setting module("FLEDGE_CUDA_MODULE", FLEDGE_EMULATED_MODULE);
  const Outcome text = must(folder, {"doctor"});
  CHECK_THAT(text.out, Contains("compute capability 9.0") && Contains("emulated") && Contains("cudnn"));
  const json j = json::parse(must(folder, {"doctor", "--json"}).out);
  CHECK(j.at("gpus").size() == 1);
  CHECK(j.at("gpu_module") == FLEDGE_EMULATED_MODULE);
}

TEST_CASE("the second GPU of two", "[e2e][gpu]") {
  const TempFolder folder;
  make_data(folder);
  const Setting module("FLEDGE_CUDA_MODULE", FLEDGE_EMULATED_MODULE), devices("FLEDGE_EMULATOR_DEVICES", "2");
  const json j = json::parse(must(folder, {"doctor", "--json", "--device", "cuda:1"}).out);
  REQUIRE(j.at("gpus").size() == 2);
  for (const json& gpu : j.at("gpus")) CHECK(gpu.at("memory_free_gib").get<double>() > 0);
  const Arguments command = Arguments{"train"} + tiny() + Arguments{"--epochs", "1", "--batches-per-epoch", "4"};
  must(folder, command + Arguments{"--run", "first", "--device", "cuda:0"});
  must(folder, command + Arguments{"--run", "second", "--device", "cuda:1"});
  CHECK(last_model(folder, "second") == last_model(folder, "first"));
}

TEST_CASE("fifty steps on the CPU and on the GPU", "[e2e][gpu]") {
  // The same arithmetic in another order of summation. As long as rounding alone separates two runs they agree to a few
  // units of float32; later a ReLU falls on the other side, and they drift. How far is allowed to be is measured: as
  // far as the CPU's plain loops drift from its fast kernels, times three.
  if (!std::filesystem::exists("/usr/share/datasets/fashion-mnist")) {
    WARN("skipped: dataset-fashion-mnist is not installed");
    return;
  }
  const TempFolder folder;
  const Setting module("FLEDGE_CUDA_MODULE", kModuleUnderTest);
  const Arguments command = Arguments{"train"} + tiny("resnet18") +
                            Arguments{"--train",
                                      "fashion-mnist:train",
                                      "--train-classes",
                                      "0-4",
                                      "--test",
                                      "",
                                      "--loss",
                                      "cosine-softmax",
                                      "--optimizer",
                                      "sgd",
                                      "--lr",
                                      "1e-3",
                                      "--batch-size",
                                      "20",
                                      "--epochs",
                                      "10",
                                      "--batches-per-epoch",
                                      "5",
                                      "--final-eval",
                                      "false"};
  must(folder, command + Arguments{"--run", "cpu", "--device", "cpu"});
  {
    const Setting reference("FLEDGE_CPU_KERNELS", "ref");
    must(folder, command + Arguments{"--run", "ref", "--device", "cpu"});
  }
  must(folder, command + Arguments{"--run", "gpu"} + cuda());
  must(folder, command + Arguments{"--run", "mixed"} + cuda("bf16"));
  for (const char* key : {"loss", "grad_norm"}) {
    INFO(key);
    auto cpu = column(folder / "cpu", key), ref = column(folder / "ref", key), gpu = column(folder / "gpu", key);
    REQUIRE(cpu.size() == 50);
    CHECK(difference(gpu, cpu) <= std::max(1e-5, 3 * difference(ref, cpu)));
    cpu.resize(8), gpu.resize(8);
    CHECK(difference(gpu, cpu) < 1e-5);
  }
  CHECK(column(folder / "gpu", "loss").back() < 0.8 * column(folder / "gpu", "loss").front());

  // Mixed precision rounds more than it sums: single steps scatter, the course is the same.
  auto cpu = column(folder / "cpu", "loss"), mixed = column(folder / "mixed", "loss");
  CHECK(std::accumulate(mixed.begin(), mixed.end(), 0.0) ==
        Approx(std::accumulate(cpu.begin(), cpu.end(), 0.0)).epsilon(0.15));
  cpu.resize(2), mixed.resize(2);
  CHECK(difference(mixed, cpu) < 0.05);
  CHECK(difference(mixed, cpu) > 1e-5);  // it did compute in bfloat16
}

TEST_CASE("a recorded step is the step", "[e2e][gpu]") {
  // With a teacher in a stream of its own, clipping, a schedule, and three losses. Recording changes who launches, not
  // what is computed: every number is equal.
  const TempFolder folder;
  make_data(folder);
  const Setting module("FLEDGE_CUDA_MODULE", kModuleUnderTest);
  must(folder, Arguments{"train"} + tiny("resnet18") + Arguments{"--run", "teacher", "--loss", "cosine-softmax"});
  const Arguments command = Arguments{"distill"} + tiny("mobilenet_v1") +
                            Arguments{"--teacher",  "teacher", "--distill",           "absolute=1,relative=0.3",
                                      "--epochs",   "2",       "--batches-per-epoch", "5",
                                      "--schedule", "cosine",  "--clip-grad",         "5",
                                      "--size",     "16"};
  for (const std::string precision : {"f32", "bf16"}) {
    INFO(precision);
    const std::string recorded = "recorded-" + precision, plain = "plain-" + precision;
    must(folder, command + Arguments{"--run", recorded} + cuda(precision));
    must(folder, command + Arguments{"--run", plain, "--step-graph", "off"} + cuda(precision));
    CHECK(log_lines(folder / recorded, "step") == log_lines(folder / plain, "step"));
    CHECK(last_model(folder, recorded) == last_model(folder, plain));
  }
  // What the teacher said is kept and used again: two kinds of steps, each with its recording.
  must(folder, command + Arguments{"--run", "kept", "--teacher-cache", "cache", "--crops", "1"} + cuda());
  must(folder, command + Arguments{"--run", "asked", "--crops", "1"} + cuda());
  CHECK(difference(column(folder / "kept", "loss"), column(folder / "asked", "loss")) < 1e-6);
}

TEST_CASE("a GPU run is stopped, resumed and evaluated", "[e2e][gpu]") {
  const TempFolder folder;
  make_data(folder);
  const Setting module("FLEDGE_CUDA_MODULE", kModuleUnderTest);
  const Arguments command = Arguments{"train"} + tiny() + Arguments{"--batches-per-epoch", "4"} + cuda();
  must(folder, command + Arguments{"--run", "straight", "--epochs", "3"});
  must(folder, command + Arguments{"--run", "parts", "--epochs", "1"});
  must(folder,
       command + Arguments{"--run", "parts", "--epochs", "3", "--resume", "auto", "--resume-allow-change", "true"});
  CHECK(last_model(folder, "parts") == last_model(folder, "straight"));

  // What it learned does not depend on where it is looked at.
  const Arguments embed = {"embed", "--model", "straight", "--data", "test", "--quiet", "--output"};
  must(folder, embed + Arguments{"on-cpu", "--device", "cpu"});
  must(folder, embed + Arguments{"on-gpu"} + cuda());
  const Outcome on_cpu = must(folder, {"eval", "--embeddings", "on-cpu.npy", "--table", "on-cpu.tsv", "--json"});
  const Outcome on_gpu =
      must(folder, {"eval", "--model", "straight", "--data", "test", "--quiet", "--json", "--device", "cuda"});
  CHECK(json::parse(on_cpu.out).at("recall@1") == json::parse(on_gpu.out).at("recall@1"));
}

TEST_CASE("out of GPU memory: what did not fit, the batch size, and nothing lost", "[e2e][gpu]") {
  const TempFolder folder;
  make_data(folder);
  const Setting module("FLEDGE_CUDA_MODULE", FLEDGE_EMULATED_MODULE), memory("FLEDGE_EMULATOR_MEMORY", "24000000");
  const Arguments command = Arguments{"train"} + tiny("resnet18") + Arguments{"--run", "r"} + cuda();
  SECTION("in a step") {
    const Outcome outcome = run_fledge(folder, command + Arguments{"--width", "0.25"});
    CHECK(outcome.code == 4);
    CHECK_THAT(outcome.err, Contains("out of GPU memory") && Contains("for a tensor") &&
                                Contains("(batch size 12, 28 px)") && Contains("--batch-size"));
    REQUIRE(checkpoints(folder / "r").size() == 1);  // before the step that failed; more memory lets it go on
    unsetenv("FLEDGE_EMULATOR_MEMORY");
    must(folder, command + Arguments{"--width", "0.25", "--resume", "auto"});
  }
  SECTION("by the weights alone") {
    const Outcome outcome = run_fledge(folder, command + Arguments{"--width", "1"});
    CHECK(outcome.code == 4);
    CHECK_THAT(outcome.err, Contains("out of GPU memory") && Contains("batch size 12"));
    CHECK_FALSE(std::filesystem::exists(folder / "r"));
  }
}

TEST_CASE("every loss trains on the GPU as on the CPU", "[e2e][gpu]") {
  const TempFolder folder;
  make_data(folder);
  const Setting module("FLEDGE_CUDA_MODULE", kModuleUnderTest);
  must(folder, Arguments{"train"} + tiny("resnet18") + Arguments{"--run", "teacher", "--loss", "cosine-softmax"});
  const auto agree = [&](const Arguments& command, const std::string& name) {
    INFO(name);
    must(folder, command + Arguments{"--run", "cpu-" + name, "--device", "cpu"});
    must(folder, command + Arguments{"--run", "gpu-" + name} + cuda());
    CHECK(difference(column(folder / ("gpu-" + name), "loss"), column(folder / ("cpu-" + name), "loss")) < 1e-3);
  };
  const Arguments short_run = {
      "--batches-per-epoch", "4", "--epochs", "1", "--final-eval", "false", "--lr", "1e-4", "--size", "16"};
  for (const auto& [name, entry] : fledge::loss_registry()) {
    if (entry.kind == fledge::LossKind::Metric)
      agree(Arguments{"train"} + tiny() + Arguments{"--loss", name} + short_run, name);
    else
      agree(Arguments{"distill"} + tiny() + Arguments{"--teacher", "teacher", "--distill", name} + short_run, name);
  }
}
