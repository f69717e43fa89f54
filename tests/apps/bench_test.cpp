// fledge bench: cases, tables, kernel profiles, and the emulated GPU. Beside other programs: bench_peers_test.cpp.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>

#include "apps/bench/cases.h"
#include "apps/bench/measure.h"
#include "base/error.h"
#include "tests/apps/bench_runs.h"

using namespace fledge;
using namespace fledge::test;
using bench::BenchCase;
using Catch::Contains;
using nlohmann::json;

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
  CHECK(bench::parse_case(kBenchCase).mode == BenchCase::Mode::Infer);
  c = bench::parse_case("start:mobilenet_v1:0.25");
  CHECK((c.mode == BenchCase::Mode::Start && c.batch == 1 && c.once()));
  CHECK(bench::parse_case("load:64").batch == 64);
  CHECK(bench::parse_case("retrieval:60502").batch == 60502);

  const auto refused = [](const std::string& text, const std::string& word) {
    INFO(text);
    CHECK_THROWS_WITH(bench::parse_case(text), Contains(word));
  };
  refused("", "none of infer, train, distill, start, load, retrieval");
  refused("start:resnet18:8", "too many parts");
  refused("load", "batch size is missing");
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
    const std::vector<std::string> cases = bench::default_cases(on_device, false);
    CHECK(cases.size() == (on_device ? 27 : 19));
    for (const std::string& text : cases) CHECK_NOTHROW(bench::parse_case(text));
  }
  const std::vector<std::string> beside = bench::default_cases(false, true);
  CHECK(beside.size() == 16);
  for (const std::string& text : beside) CHECK_NOTHROW(bench::parse_case(text));
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

TEST_CASE("inference, training and distillation are timed", "[e2e][bench]") {
  const TempFolder folder;
  const std::string train = "train:mobilenet_v1:0.25:3", distill = "distill:mobilenet_v1:0.5:mobilenet_v1:0.25:2";
  const json j = bench_answer(folder, bench_on_cpu({kBenchCase, train, distill}));
  CHECK(j["machine"]["threads"] == 1);
  CHECK(j["size"] == 32);
  CHECK(j["peers"].empty());
  REQUIRE(j["cases"].size() == 3);
  for (const json& c : j["cases"]) {
    INFO(c);
    CHECK(c["fledge"]["minimum_ms"] > 0);
    CHECK(c["fledge"]["median_ms"] >= c["fledge"]["minimum_ms"]);
    CHECK(c["fledge"]["steps"] >= 3);
    CHECK(c["fledge"]["cpu_ms"] > 0);
    CHECK(c["fledge"]["rounds"].size() == 1);
    CHECK(c["fledge"]["peak_mib"] > 5);
    CHECK(c["fledge"]["recorded"] == false);
    CHECK(c["strict"]["pairs"] >= 3);
    const double repeat = c["strict"]["repeat_ms"], strict = c["strict"]["strict_ms"];
    CHECK((repeat > 0 && strict > 0));
    CHECK(c["strict"]["slowdown"].get<double>() == Approx(strict / repeat - 1));
    CHECK_FALSE(c.contains("ratio"));
  }
  CHECK(j["cases"][1]["batch"] == 3);
  const Outcome table = must(folder, bench_on_cpu({kBenchCase}));
  CHECK_THAT(table.out, Contains("ms per picture at 32 px") && Contains("--deterministic"));
  CHECK_FALSE(row_of(table.out, kBenchCase).empty());
}

TEST_CASE("a start, loading and retrieval are timed", "[e2e][bench]") {
  const TempFolder folder;
  const json j = bench_answer(folder, bench_on_cpu({"start:mobilenet_v1:0.25", "load:9", "retrieval:300"}));
  REQUIRE(j["cases"].size() == 3);
  for (const json& c : j["cases"]) {
    INFO(c);
    CHECK(c["fledge"]["median_ms"] > 0);
    CHECK(c["fledge"]["cpu_ms"] > 0);
    CHECK_FALSE(c.contains("strict"));
  }
  CHECK(j["cases"][0]["fledge"]["rounds"].size() == 3);  // each is one start
  CHECK(j["cases"][0]["fledge"]["median_ms"] > j["cases"][0]["fledge"]["cpu_ms"].get<double>() / 4);
  CHECK(j["cases"][1]["batch"] == 9);
  CHECK(j["cases"][2]["fledge"]["steps"] == 1);
}

TEST_CASE("kernels: the step's time is the kernels' and what is between", "[e2e][bench]") {
  const TempFolder folder;
  const std::string train = "train:mobilenet_v1:0.25:2";
  const json j = bench_answer(folder, bench_on_cpu({train, "--kernels"}));
  const json& profile = j["cases"][0]["profile"];
  CHECK(profile["peak_bytes_per_second"] > 1e8);
  double sum = 0;
  std::vector<std::string> ops;
  for (const json& k : profile["kernels"]) {
    sum += k["ms"].get<double>();
    ops.push_back(k["op"]);
    CHECK(k["calls"] >= 1);
    CHECK(k["bytes"] > 0);
    const std::string op = k["op"];
    const bool product = op.rfind("conv2d", 0) == 0 || op.rfind("batch_norm_pointwise", 0) == 0 || op == "matmul";
    CHECK((k["flops"] > 0) == product);
  }
  CHECK(sum > 0);
  CHECK(sum <= profile["step_ms"].get<double>());
  for (const std::string op :
       {"conv2d_moments", "conv2d_grad_input", "conv2d_grad_weight", "batch_norm_from_moments", "batch_norm_backward",
        "batch_norm_pointwise", "batch_norm_pointwise_backward", "matmul", "l2_normalize", "sgd_step"}) {
    INFO(op);
    CHECK(std::find(ops.begin(), ops.end(), op) != ops.end());
  }
  // The first layer, by hand: 2 pictures, 8 filters of 3x3x3, 16x16 positions.
  const auto& kernels = profile["kernels"];
  const auto stem = std::find_if(kernels.begin(), kernels.end(), [](const json& k) {
    return k["op"] == "conv2d_moments" && k["descriptor"].get<std::string>().rfind("n2c3h32w32k8r3s3", 0) == 0;
  });
  REQUIRE(stem != kernels.end());
  CHECK((*stem)["calls"] == 1);
  CHECK((*stem)["flops"] == 2.0 * 2 * 8 * 16 * 16 * 27);
  // The last 1 x 1 convolution, backward: both gradients of 256 x 256 weights at one pixel of two pictures.
  const auto last = std::find_if(kernels.begin(), kernels.end(), [](const json& k) {
    return k["op"] == "batch_norm_pointwise_backward" &&
           k["descriptor"].get<std::string>().rfind("n2c256h1w1k256r1s1", 0) == 0;
  });
  REQUIRE(last != kernels.end());
  CHECK((*last)["flops"] == 2.0 * 2 * 2 * 256 * 256);

  const Outcome table = must(folder, bench_on_cpu({train, "--kernels"}));
  CHECK_THAT(table.out, Contains("kernels of " + train) && Contains("% roof") && Contains("between kernels"));
}

TEST_CASE("on a GPU: recorded steps, device memory, profiles; a case too large is a row", "[e2e][bench][gpu]") {
  const TempFolder folder;
  const std::string train = "train:mobilenet_v1:0.25:2", distill = "distill:mobilenet_v1:0.5:mobilenet_v1:0.25:2";
  const Setting module("FLEDGE_CUDA_MODULE", FLEDGE_EMULATED_MODULE);
  const auto on_gpu = [](const Arguments& more) { return quick_bench(more + Arguments{"--device", "cuda"}); };

  const json j = bench_answer(folder, on_gpu({train, distill, kBenchCase, "--kernels"}));
  CHECK(j["machine"]["emulated"] == true);
  for (const json& c : j["cases"]) {
    INFO(c["case"]);
    CHECK(c["fledge"]["recorded"] == (c["case"] != kBenchCase));
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

  const json mixed = bench_answer(folder, on_gpu({train, "--precision", "bf16", "--step-graph", "off", "--kernels"}));
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
    const Outcome o = run_fledge(folder, quick_bench({kBenchCase, "--device", "cuda"}));
    CHECK(o.code == 4);
    CHECK_THAT(o.err, Contains("no GPU module"));
    CHECK(o.out.empty());
  }
  const auto usage = [&](const Arguments& arguments, const std::string& word) {
    const Outcome o = run_fledge(folder, bench_on_cpu(arguments));
    CHECK(o.code == 2);
    CHECK_THAT(o.err, Contains(word));
  };
  usage({"train:resnet19:2"}, "resnet18");
  usage({kBenchCase, "--precision", "tf32"}, "needs a GPU");
  usage({kBenchCase, "--against", "jax"}, "--against");
  usage({kBenchCase, "--against", "torch", "--variants", "tunde"}, "tuned");
  CHECK_THAT(must(folder, {"bench", "--help"}).out, !Contains("--child"));
}
