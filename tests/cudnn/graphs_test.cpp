// Every convolution that the networks ask for, put to cuDNN without a GPU: there is an engine for it that we accept,
// and its plan can be built. cuDNN answers for a described device (devices.h).
#include <catch2/catch.hpp>

#include "kernels/cudnn/graph.h"
#include "tests/cudnn/devices.h"
#include "tests/cudnn/problems.h"
#include "tests/support/cases_conv.h"

namespace fledge::test {
namespace {

using cudnn::ConvGraph;
using cudnn::ProblemKey;

/// The candidate that would run; throws when none can.
struct Chosen {
  Chosen(const ProblemKey& key, const GpuDescription& gpu) : graph(key, {nullptr, gpu.json()}) {
    for (candidate = 0; candidate < graph.candidates(); ++candidate)
      if (graph.build(candidate)) return;
    throw cudnn::VendorError(graph.failure());
  }
  ConvGraph graph;
  int candidate;
};

/// The problems without a plan, with cuDNN's reason; empty is good.
std::string without_plan(const std::vector<ProblemKey>& keys, const GpuDescription& gpu) {
  std::string failures;
  for (const ProblemKey& key : keys) {
    try {
      const Chosen chosen(key, gpu);
      if (chosen.graph.compiled_at_run_time(chosen.candidate))
        failures += describe(key) + ": only a kernel compiled at run time\n";
    } catch (const std::exception& e) {
      failures += describe(key) + ": " + std::string(e.what()).substr(0, 200) + "\n";
    }
  }
  return failures;
}

std::vector<NetworkConv> networks() {
  std::vector<NetworkConv> all = network_convolutions(32, 224);
  const std::vector<NetworkConv> small = network_convolutions(32, 128);
  all.insert(all.end(), small.begin(), small.end());
  return all;
}

std::vector<NetworkConv> shared_cases() {
  std::vector<NetworkConv> all;
  for (const ConvCase& c : conv_cases())
    if (!c.params.is_depthwise(c.x, c.w)) all.push_back({c});
  return all;
}

}  // namespace

TEST_CASE("the collected convolutions are those of the networks") {
  const std::vector<NetworkConv> all = network_convolutions(32, 224);
  bool stem = false, last = false, keras = false;
  for (const NetworkConv& c : all) {
    CHECK(c.x[1] == c.w[1] * c.params.groups);  // each takes what the one before it gives
    stem |= c.descriptor() == "n32c3h224w224k64r7s7 stride2x2 pad3,3,3,3 groups1";
    last |= c.joins && c.descriptor() == "n32c512h7w7k2048r1s1 stride1x1 pad0,0,0,0 groups1";
    keras |= c.relu6 && c.descriptor() == "n32c3h224w224k8r3s3 stride2x2 pad0,0,1,1 groups1";
  }
  CHECK(stem);
  CHECK(last);
  CHECK(keras);
}

TEST_CASE("every convolution of every network has a plan") {
  const std::vector<NetworkConv> all = networks();
  for (const GpuDescription& gpu : {kA100, kH100})
    for (const Number number : {Number::Strict, Number::TF32, Number::BFloat16}) {
      INFO(gpu.name);
      CHECK(without_plan(plain_keys(all, number), gpu) == "");
    }
}

TEST_CASE("other generations have plans, too") {
  const std::vector<NetworkConv> all = network_convolutions(32, 224);
  CHECK(without_plan(plain_keys(all, Number::Strict), kT4) == "");
  for (const GpuDescription& gpu : {kRtx3090, kRtx4090, kB200}) {
    INFO(gpu.name);
    CHECK(without_plan(plain_keys(all, Number::BFloat16), gpu) == "");
  }
}

TEST_CASE("fused convolutions with ReLU or none have plans on tensor cores") {
  const std::vector<NetworkConv> all = networks();
  for (const GpuDescription& gpu : {kA100, kH100})
    for (const Number number : {Number::TF32, Number::BFloat16}) {
      std::vector<ProblemKey> keys = fused_keys(all, number);
      std::erase_if(keys,
                    [](const ProblemKey& key) { return key.epilogue & kReLU6; });  // runs unfused before Blackwell
      CHECK(keys.size() > 200);
      INFO(gpu.name);
      CHECK(without_plan(keys, gpu) == "");
    }
}

TEST_CASE("the shared cases have plans: odd channels, tiny pictures, four-sided padding, groups") {
  const std::vector<NetworkConv> all = shared_cases();
  CHECK(all.size() > 60);
  for (const Number number : {Number::Strict, Number::TF32, Number::BFloat16})
    CHECK(without_plan(plain_keys(all, number), kH100) == "");
}

TEST_CASE("addresses with little alignment have plans") {
  for (const Number number : {Number::Strict, Number::TF32, Number::BFloat16}) {
    std::vector<ProblemKey> keys = plain_keys(shared_cases(), number);
    for (ProblemKey& key : keys) key.alignment = key.bfloat16() ? 2 : 4;
    CHECK(without_plan(keys, kH100) == "");
  }
}

TEST_CASE("what is not worth fusing says so") {
  ProblemKey key = plain_keys(shared_cases(), Number::Strict).front();
  key.epilogue = kBias;
  CHECK_THROWS_WITH((ConvGraph(key, {nullptr, kH100.json()})), Catch::Contains("engines is"));
  CHECK_THROWS_AS((ConvGraph(key, {nullptr, "{}"})), cudnn::VendorError);
}

}  // namespace fledge::test
