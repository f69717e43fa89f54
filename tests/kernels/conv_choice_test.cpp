// Which implementation of a convolution computes a call, by rule and by the clock; what all of them must leave alone.
#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "kernels/api/reproducibility.h"
#include "kernels/cpu/conv/measured.h"
#include "tests/support/compare.h"
#include "tests/support/files.h"

using namespace fledge;
using namespace fledge::test;

namespace {

constexpr Conv2dParams kPadded{.pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1};
constexpr Conv2dParams kDepthwise8{.pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1, .groups = 8};

HostTensor values(const Dims& dims, HostLayout layout = HostLayout::ChannelsLast) {
  HostTensor t(dims, DType::Float32, layout);
  t.fill_from([](std::int64_t i) { return static_cast<double>((i * 37) % 101 - 50) / 64; });
  return t;
}

/// What a table says about a convolution of 8 channels into 8.
KernelReport report_of(const char* table, const Conv2dParams& p, HostLayout layout) {
  const HostTensor x = values({2, 8, 6, 5}, layout), w = values({8, 8 / p.groups, 3, 3}, layout);
  HostTensor y({2, 8, 6, 5}, DType::Float32, layout);
  ExecContext ctx(1);
  KernelReport report;
  ctx.report = &report;
  cpu_table(table, DType::Float32).conv.forward(ctx, x, w, nullptr, y, p);
  return report;
}

int slow_runs = 0, fast_runs = 0;

const cpu::ConvImplementation kSlow{.name = "slow",
                                    .refuses = [](const cpu::ConvCall&) -> const char* { return nullptr; },
                                    .run =
                                        [](ExecContext&, const cpu::ConvCall&) {
                                          ++slow_runs;
                                          std::this_thread::sleep_for(std::chrono::milliseconds(3));
                                        }};
const cpu::ConvImplementation kFast{.name = "fast",
                                    .refuses = [](const cpu::ConvCall&) -> const char* { return nullptr; },
                                    .run = [](ExecContext&, const cpu::ConvCall&) { ++fast_runs; }};
constexpr std::array kBoth{&kSlow, &kFast};

/// A choice over the file at `path`.
struct Chooser {
  explicit Chooser(const std::string& path, const std::string& machine = "m")
      : choices(ChoiceFile(path, machine)), choice(choices) {}

  std::string of(std::int64_t batch, int threads = 1, bool in_place = false) {
    const HostTensor x = values({batch, 8, 6, 5}), w = values({8, 8, 3, 3}), y = values({batch, 8, 6, 5});
    ExecContext ctx(threads);
    slow_runs = fast_runs = 0;
    cpu::ConvCall call{ConvDirection::Forward, x, w, y, kPadded};
    if (in_place) call.epilogue.residual = &y.view();
    return choice.of(ctx, call, kBoth).name;
  }

  Choices choices;
  cpu::MeasuredChoice choice;
};

}  // namespace

TEST_CASE("a convolution goes to the first implementation that takes it, and the report says why others did not",
          "[conv]") {
  const auto nhwc = HostLayout::ChannelsLast, nchw = HostLayout::Contiguous;
  const std::string narrow =
      "few-channels: more than four input channels; winograd-4x4: channels are no multiple of 16; winograd-2x2: "
      "channels are no multiple of 16; "
      "pointwise: no moments are wanted; products: gradient of weights only";
  KernelReport r = report_of("onednn", kDepthwise8, nhwc);
  CHECK(r.implementation == "depthwise");
  CHECK(r.refused == "");
  r = report_of("onednn", kPadded, nhwc);
  CHECK_THAT(r.implementation, Catch::StartsWith("onednn:"));  // and the vendor's name for what it runs
  CHECK(r.refused == "depthwise: not depthwise; " + narrow);
  r = report_of("onednn", kPadded, nchw);
  CHECK(r.implementation == "ref");
  CHECK(r.refused == "depthwise: not depthwise; " + narrow + "; onednn: activations are not channels-last");
  r = report_of("simd", kDepthwise8, nhwc);
  CHECK(r.implementation == "depthwise");
  r = report_of("simd", kPadded, nhwc);
  CHECK(r.implementation == "ref");
  CHECK(r.refused == "depthwise: not depthwise; " + narrow + "; onednn: not in this set of kernels");
  r = report_of("ref", kDepthwise8, nhwc);
  CHECK(r.implementation == "ref");
  CHECK_THAT(r.refused, Catch::StartsWith("depthwise: not in this set of kernels; few-channels: not in this set"));
}

TEST_CASE("a residual of another layout than the activations' is added where it belongs", "[conv]") {
  for (const Conv2dParams& p : {kPadded, kDepthwise8})
    for (const char* table : {"simd", "onednn"}) {
      Operands make(HostLayout::ChannelsLast, 31);
      const Operand x = make.input({2, 8, 6, 5}), w = make.input({8, 8 / p.groups, 3, 3}),
                    residual = make.input({2, 8, 6, 5});
      const HostTensor other_layout = residual.fast.as(DType::Float32, HostLayout::Contiguous);
      Operand y = make.output({2, 8, 6, 5});
      ExecContext ctx(1);
      cpu_table(table, DType::Float32)
          .conv.forward_fused(ctx, x.fast, w.fast, {.residual = &other_layout.view()}, y.fast, p);
      oracle_table().conv.forward_fused(ctx, x.oracle, w.oracle, {.residual = residual.at(Side::Oracle)}, y.oracle, p);
      CHECK(mismatch(std::string(table) + " " + p.descriptor(x.fast.dims(), w.fast.dims()), y, 72) == "");
    }
}

TEST_CASE("one weight serves several implementations from one slot", "[conv]") {
  Operands make(HostLayout::ChannelsLast, 32);
  const Operand x = make.input({2, 32, 9, 9});
  HostTensor w = values({32, 1, 3, 3});
  w.use_slot();
  const HostTensor y = values({2, 32, 9, 9});
  const Conv2dParams p{.pad_top = 1, .pad_left = 1, .pad_bottom = 1, .pad_right = 1, .groups = 32};
  ExecContext ctx(1);
  const auto result_of = [&](const cpu::ConvImplementation& i) {
    HostTensor out({2, 32, 9, 9}, DType::Float32, HostLayout::ChannelsLast);
    const cpu::ConvCall call{ConvDirection::Forward, x.fast, w, out, p};
    REQUIRE(i.refuses(call) == nullptr);
    i.run(ctx, call);
    return out.values();
  };
  const std::vector<double> own = result_of(cpu::kDepthwise), vendor = result_of(cpu::kOneDnn);
  // Changed behind the back of the version, both are still served from their packed copies: proof that there are two.
  w.fill_from([](std::int64_t) { return 0.0; });
  CHECK(result_of(cpu::kDepthwise) == own);
  CHECK(result_of(cpu::kOneDnn) == vendor);
  w.bump_version();
  CHECK(result_of(cpu::kDepthwise) == std::vector<double>(own.size(), 0.0));
  CHECK(result_of(cpu::kOneDnn) == std::vector<double>(own.size(), 0.0));
}

TEST_CASE("the clock chooses once a problem, number of threads and machine", "[conv]") {
  const TempFolder folder;
  const std::string path = folder / "choices";
  Chooser first(path);
  CHECK(first.of(1) == "fast");
  CHECK(slow_runs == 4);  // one to warm up, three rounds
  CHECK(first.of(1) == "fast");
  CHECK(slow_runs == 0);
  CHECK(first.of(2) == "fast");
  CHECK(slow_runs == 4);
  CHECK(first.of(1, 2) == "fast");
  CHECK(slow_runs == 4);

  Chooser again(path);  // as the next run of the program
  CHECK(again.of(1) == "fast");
  CHECK(again.of(1, 2) == "fast");
  CHECK(slow_runs + fast_runs == 0);

  Chooser elsewhere(path, "another machine");
  CHECK(elsewhere.of(1) == "fast");
  CHECK(slow_runs == 4);
}

TEST_CASE("a kept choice counts as long as there is an implementation of its name", "[conv]") {
  const TempFolder folder;
  const std::string path = folder / "choices",
                    problem = "forward n1c8h6w5k8r3s3 stride1x1 pad1,1,1,1 groups1 float32, 1 threads";
  ChoiceFile(path, "m").keep(problem, "slow");
  CHECK(Chooser(path).of(1) == "slow");
  CHECK(slow_runs + fast_runs == 0);
  ChoiceFile(path, "m").keep(problem, "of another build");
  CHECK(Chooser(path).of(1) == "fast");
  CHECK(ChoiceFile(path, "m").find(problem) == "fast");
}

TEST_CASE("a run that goes on keeps its choices, whatever the clock would say", "[conv]") {
  Chooser first(""), second("");
  CHECK(first.of(1) == "fast");
  auto used = first.choices.used();
  REQUIRE(used.size() == 1);
  used.begin()->second = "slow";
  second.choices.prefer(used);
  CHECK(second.of(1) == "slow");
  CHECK(slow_runs + fast_runs == 0);
  CHECK(second.choices.used() == used);
  CHECK(second.of(2) == "fast");  // of which the run said nothing
}

TEST_CASE("where the clock may not choose, the rule does", "[conv]") {
  Chooser chooser("");
  CHECK(chooser.of(1, 1, /*in_place=*/true) == "slow");  // a second run would add the residual twice
  set_thread_invariant(true);
  const std::string strict = chooser.of(1);
  set_thread_invariant(false);
  CHECK(strict == "slow");
  CHECK(slow_runs + fast_runs == 0);
  CHECK(chooser.of(1) == "fast");
}
