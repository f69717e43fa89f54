// fledge bench: cases, tables, the comparison with a stand-in for PyTorch, kernel profiles, and the emulated GPU.
#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>

#include "apps/bench/cases.h"
#include "apps/bench/measure.h"
#include "apps/bench/peer.h"
#include "base/error.h"
#include "tests/apps/runner.h"

using namespace fledge;
using namespace fledge::test;
using bench::BenchCase;
using Catch::Contains;
using nlohmann::json;

namespace {

const std::string kSmall = "infer:mobilenet_v1:0.25:2";

Arguments quick(const Arguments& more) {
  return Arguments{"bench"} + more + Arguments{"--size", "32", "--seconds", "0", "--rounds", "1", "--threads", "1"};
}
Arguments on_cpu(const Arguments& more) { return quick(more + Arguments{"--device", "cpu"}); }

json answer(const TempFolder& folder, const Arguments& arguments) {
  return json::parse(must(folder, arguments + Arguments{"--json"}).out);
}

/// The row of a case in a printed table; empty when there is none.
std::string row_of(const std::string& table, const std::string& name) {
  std::istringstream in(table);
  for (std::string line; std::getline(in, line);)
    if (line.rfind(name, 0) == 0) return line;
  return "";
}

/// A program that answers as torch_peer.py does: 6 ms a step in nchw, 3 in nhwc, and 5 in any other form. What it was
/// given lies in the file "given".
std::string stand_in(const TempFolder& folder) {
  const std::string path = folder / "python";
  spill(path, std::string(R"(#!/bin/sh
script=$2; shift 2
echo "$@ OMP=$OMP_NUM_THREADS MMAP=$MALLOC_MMAP_THRESHOLD_ script=${#script}" >>)" +
                          folder.path() + R"(/given
case "$*" in
  --probe*) echo '{"version": "PyTorch 9.9"}' ;;
  *nchw*) echo 'noise'; echo '{"median_ms": 6.0, "minimum_ms": 5.5, "steps": 7, "peak_mib": 1000, "reserved_mib": 0}' ;;
  *nhwc*) echo '{"median_ms": 3.0, "minimum_ms": 2.5, "steps": 7, "peak_mib": 500, "reserved_mib": 0}' ;;
  *) echo '{"error": "no such form"}' ;;
esac
)"));
  ::chmod(path.c_str(), 0755);
  return path;
}

}  // namespace

TEST_CASE("cases are read, and refused with a way out", "[bench]") {
  BenchCase c = bench::parse_case("distill:resnet101:mobilenet_v1:0.25:128");
  CHECK(c.mode == BenchCase::Mode::Distill);
  CHECK((c.teacher.arch == "resnet101" && c.teacher.width == 1));
  CHECK((c.model.arch == "mobilenet_v1" && c.model.width == 0.25));
  CHECK(c.batch == 128);
  c = bench::parse_case("distill:resnet18:0.5:resnet34:8");
  CHECK((c.teacher.width == 0.5 && c.model.arch == "resnet34" && c.model.width == 1));
  c = bench::parse_case("train:resnet18:8");
  CHECK((c.mode == BenchCase::Mode::Train && c.model.arch == "resnet18" && c.batch == 8));
  CHECK(bench::parse_case(kSmall).mode == BenchCase::Mode::Infer);

  const auto refused = [](const std::string& text, const std::string& word) {
    INFO(text);
    CHECK_THROWS_WITH(bench::parse_case(text), Contains(word));
  };
  refused("", "none of infer, train, distill");
  refused("trian:resnet18:8", "'trian'");
  refused("train", "a network is missing");
  refused("train:resnet19:8", "did you mean 'resnet18'");
  refused("train:resnet18", "batch size is missing");
  refused("train:resnet18:0", "'0' is no batch size");
  refused("train:resnet18:8x", "'8x' is no batch size");
  refused("train:resnet18:8:8", "too many parts");
  refused("train:resnet18:0.x:8", "'0.x' is no width");
  refused("distill:resnet18:8", "there is no network '8'");
}

TEST_CASE("the default cases can all be read", "[bench]") {
  for (const bool on_device : {false, true}) {
    const std::vector<std::string> cases = bench::default_cases(on_device);
    CHECK(cases.size() == (on_device ? 27 : 19));
    for (const std::string& text : cases) CHECK_NOTHROW(bench::parse_case(text));
  }
}

TEST_CASE("the roofline is the tighter of arithmetic and traffic", "[bench]") {
  const bench::Peaks peaks{.flops = 1e9, .bf16_flops = 4e9, .bytes = 1e8};
  KernelUse use{.op = "conv2d", .descriptor = "n1", .calls = 1, .ms = 4, .bytes = 1e5, .flops = 2e6};
  CHECK(bench::roofline_share(use, peaks) == Approx(0.5));  // 2 ms of arithmetic, 1 ms of traffic
  use.bytes = 3e5;
  CHECK(bench::roofline_share(use, peaks) == Approx(0.75));
  use.bytes = 0, use.descriptor = "n1:bf16";
  CHECK(bench::roofline_share(use, peaks) == Approx(0.125));
  use.ms = 0;
  CHECK(bench::roofline_share(use, peaks) == 0);
}

TEST_CASE("the binary holds the script as it is", "[bench]") {
  CHECK(std::string(bench::kTorchPeerScript) == text_of(std::string(FLEDGE_SOURCE_DIR) + "/bench/torch_peer.py"));
}

TEST_CASE("inference, training and distillation are timed", "[e2e][bench]") {
  const TempFolder folder;
  const std::string train = "train:mobilenet_v1:0.25:3", distill = "distill:mobilenet_v1:0.5:mobilenet_v1:0.25:2";
  const json j = answer(folder, on_cpu({kSmall, train, distill}));
  CHECK(j["machine"]["threads"] == 1);
  CHECK(j["size"] == 32);
  CHECK(j["torch"].is_null());
  REQUIRE(j["cases"].size() == 3);
  for (const json& c : j["cases"]) {
    INFO(c);
    CHECK(c["fledge"]["minimum_ms"] > 0);
    CHECK(c["fledge"]["median_ms"] >= c["fledge"]["minimum_ms"]);
    CHECK(c["fledge"]["steps"] >= 3);
    CHECK(c["fledge"]["peak_mib"] > 5);
    CHECK(c["fledge"]["recorded"] == false);
    CHECK(c["strict"]["pairs"] >= 3);
    const double repeat = c["strict"]["repeat_ms"], strict = c["strict"]["strict_ms"];
    CHECK((repeat > 0 && strict > 0));
    CHECK(c["strict"]["slowdown"].get<double>() == Approx(strict / repeat - 1));
    CHECK_FALSE(c.contains("ratio"));
  }
  CHECK(j["cases"][1]["batch"] == 3);
  const Outcome table = must(folder, on_cpu({kSmall}));
  CHECK_THAT(table.out, Contains("ms per image at 32 px") && Contains("1 thread(s)") && Contains("--deterministic"));
  CHECK_FALSE(row_of(table.out, kSmall).empty());
}

TEST_CASE("beside PyTorch: in turns, the faster form counts", "[e2e][bench]") {
  const TempFolder folder;
  const Arguments with_peer = {kSmall, "--against", "torch", "--python", stand_in(folder), "--rounds", "2"};
  const json j = answer(folder, on_cpu({}) + with_peer);
  const json& c = j["cases"][0];
  CHECK(j["torch"] == "PyTorch 9.9");
  CHECK(c["torch"]["form"] == "nhwc");
  CHECK(c["torch"]["median_ms"] == 3.0);
  CHECK(c["torch_forms"].size() == 2);
  CHECK(c["ratio"].get<double>() == Approx(3.0 / c["fledge"]["median_ms"].get<double>()));
  CHECK(c["memory_ratio"].get<double>() == Approx(500 / c["fledge"]["peak_mib"].get<double>()));

  const std::string given = text_of(folder / "given");
  CHECK(std::count(given.begin(), given.end(), '\n') == 1 + 2 * 2);
  CHECK_THAT(given,
             Contains(kSmall + " --form nchw --size 32 --seconds 0.000000 --precision f32 --device cpu --threads "
                               "1 OMP=1 MMAP=8589934592"));
  CHECK_THAT(given, Contains("script=" + std::to_string(std::string(bench::kTorchPeerScript).size())));

  const Outcome table = must(folder, on_cpu({}) + with_peer);
  CHECK_THAT(table.out, Contains("PyTorch 9.9") && Contains("above 1 fledge is faster"));
  CHECK_THAT(row_of(table.out, kSmall), Contains(" 1.500 ") && Contains(" 500 ") && Contains("x  nhwc"));  // 2 pictures

  const json failed = answer(folder, on_cpu({}) + with_peer + Arguments{"--forms", "compile"});
  CHECK(failed["cases"][0]["torch"]["error"] == "no such form");
  CHECK_FALSE(failed["cases"][0].contains("ratio"));
}

TEST_CASE("without PyTorch there is one note, and fledge's column", "[e2e][bench]") {
  const TempFolder folder;
  const Outcome o = must(folder, on_cpu({kSmall, "--against", "torch", "--python", folder / "none", "--quiet"}));
  CHECK_THAT(o.err, Contains("fledge only") && Contains("cannot be started"));
  CHECK(std::count(o.err.begin(), o.err.end(), '\n') == 1);
  CHECK_FALSE(row_of(o.out, kSmall).empty());
}

TEST_CASE("kernels: the step's time is the kernels' and what is between", "[e2e][bench]") {
  const TempFolder folder;
  const std::string train = "train:mobilenet_v1:0.25:2";
  const json j = answer(folder, on_cpu({train, "--kernels"}));
  const json& profile = j["cases"][0]["profile"];
  CHECK(profile["peak_bytes_per_second"] > 1e8);
  double sum = 0;
  std::vector<std::string> ops;
  for (const json& k : profile["kernels"]) {
    sum += k["ms"].get<double>();
    ops.push_back(k["op"]);
    CHECK(k["calls"] >= 1);
    CHECK(k["bytes"] > 0);
    const bool product = k["op"].get<std::string>().rfind("conv2d", 0) == 0 || k["op"] == "matmul";
    CHECK((k["flops"] > 0) == product);
  }
  CHECK(sum > 0);
  CHECK(sum <= profile["step_ms"].get<double>());
  for (const std::string op : {"conv2d", "conv2d_grad_input", "conv2d_grad_weight", "batch_norm_train",
                               "batch_norm_backward", "matmul", "l2_normalize", "sgd_step"}) {
    INFO(op);
    CHECK(std::find(ops.begin(), ops.end(), op) != ops.end());
  }
  // The first layer, by hand: 2 pictures, 8 filters of 3x3x3, 16x16 positions.
  const auto& kernels = profile["kernels"];
  const auto stem = std::find_if(kernels.begin(), kernels.end(), [](const json& k) {
    return k["op"] == "conv2d" && k["descriptor"].get<std::string>().rfind("n2c3h32w32k8r3s3", 0) == 0;
  });
  REQUIRE(stem != kernels.end());
  CHECK((*stem)["calls"] == 1);
  CHECK((*stem)["flops"] == 2.0 * 2 * 8 * 16 * 16 * 27);

  const Outcome table = must(folder, on_cpu({train, "--kernels"}));
  CHECK_THAT(table.out, Contains("kernels of " + train) && Contains("% roof") && Contains("between kernels"));
}

TEST_CASE("on a GPU: recorded steps, device memory, profiles; a case too large is a row", "[e2e][bench][gpu]") {
  const TempFolder folder;
  const std::string train = "train:mobilenet_v1:0.25:2", distill = "distill:mobilenet_v1:0.5:mobilenet_v1:0.25:2";
  const Setting module("FLEDGE_CUDA_MODULE", FLEDGE_EMULATED_MODULE);
  const auto on_gpu = [](const Arguments& more) { return quick(more + Arguments{"--device", "cuda"}); };

  const json j = answer(folder, on_gpu({train, distill, kSmall, "--kernels"}));
  CHECK(j["machine"]["emulated"] == true);
  for (const json& c : j["cases"]) {
    INFO(c["case"]);
    CHECK(c["fledge"]["recorded"] == (c["case"] != kSmall));
    CHECK(c["fledge"]["minimum_ms"] > 0);
    CHECK(c["fledge"]["peak_mib"] > 0.5);
    CHECK(c["fledge"]["reserved_mib"] >= c["fledge"]["peak_mib"]);
    CHECK(c["profile"]["kernels"].size() > 20);
    CHECK(c["profile"]["peak_flops"] > 0);
    double sum = 0;
    for (const json& k : c["profile"]["kernels"]) sum += k["ms"].get<double>();
    CHECK(sum <= c["profile"]["step_ms"].get<double>());  // one after the other
  }
  const auto has = [](const json& c, const std::string& op) {
    const auto& kernels = c["profile"]["kernels"];
    return std::any_of(kernels.begin(), kernels.end(), [&](const json& k) { return k["op"] == op; });
  };
  CHECK(has(j["cases"][0], "sgd_step"));
  CHECK(has(j["cases"][0], "grad_norm"));
  CHECK(has(j["cases"][1], "conv2d_fused"));  // the teacher

  const json mixed = answer(folder, on_gpu({train, "--precision", "bf16", "--step-graph", "off", "--kernels"}));
  CHECK(mixed["cases"][0]["fledge"]["recorded"] == false);
  CHECK(mixed["cases"][0]["profile"]["peak_bf16_flops"] > 0);
  CHECK(mixed["cases"][0]["profile"].dump().find(":bf16") != std::string::npos);

  const Setting memory("FLEDGE_EMULATOR_MEMORY", std::to_string(16 << 20));
  const std::string large = "train:mobilenet_v1:0.25:64";
  const Outcome table = must(folder, on_gpu({large, train}));
  CHECK_THAT(row_of(table.out, large), Contains("out of GPU memory"));
  CHECK_THAT(row_of(table.out, train), !Contains("memory"));
  CHECK_THAT(table.out, Contains("ms per step at 32 px") && Contains("reserved"));
}

TEST_CASE("a GPU that is not there, and words that are wrong", "[e2e][bench]") {
  const TempFolder folder;
  {
    const Setting module("FLEDGE_CUDA_MODULE", folder / "none.so");
    const Outcome o = run_fledge(folder, quick({kSmall, "--device", "cuda"}));
    CHECK(o.code == 4);
    CHECK_THAT(o.err, Contains("no GPU module"));
    CHECK(o.out.empty());
  }
  const auto usage = [&](const Arguments& arguments, const std::string& word) {
    const Outcome o = run_fledge(folder, on_cpu(arguments));
    CHECK(o.code == 2);
    CHECK_THAT(o.err, Contains(word));
  };
  usage({"train:resnet19:2"}, "resnet18");
  usage({kSmall, "--precision", "bf16"}, "needs a GPU");
  usage({kSmall, "--against", "jax"}, "--against");
  usage({kSmall, "--against", "torch", "--forms", "nhcw", "--python", stand_in(folder)}, "nchw");
  CHECK_THAT(must(folder, {"bench", "--help"}).out, !Contains("--child"));
}
