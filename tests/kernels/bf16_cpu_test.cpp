// The CPU's mixed-precision tables, beyond what they share with the GPU's (bf16_*_test.cpp): rounding, batches that are
// divided into blocks, packed weights, NaN and infinity, the same bits for any number of threads.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/api/autotune.h"
#include "kernels/api/reproducibility.h"
#include "tests/support/cases_conv.h"
#include "tests/support/compare.h"

using namespace fledge;
using namespace fledge::test;

namespace {

const char* const kSets[] = {"ref", "simd", "onednn"};

/// Large enough that a block of pictures is not the batch.
std::vector<ConvCase> long_batches() {
  return {{{5, 32, 72, 72}, {16, 32, 3, 3}, same_padding(1, 1)},
          {{5, 64, 56, 56}, {64, 64, 1, 1}, same_padding(1, 0)},
          {{7, 96, 48, 48}, {96, 1, 3, 3}, same_padding(1, 1, 96)},
          {{3, 3, 224, 224}, {16, 3, 7, 7}, same_padding(2, 3)}};
}

struct EveryThread {
  EveryThread() { set_thread_invariant(true); }
  ~EveryThread() { set_thread_invariant(false); }
};

}  // namespace

TEST_CASE("bf16 tables of the CPU: rounding to nearest even, NaN and infinity", "[eltwise][bf16]") {
  const std::pair<float, float> cases[] = {{1.0f, 1.0f},
                                           {1.0f + 0x1p-8f, 1.0f},                       // a tie: to even
                                           {1.0f + 0x1p-8f + 0x1p-20f, 1.0f + 0x1p-7f},  // above it
                                           {1.0f + 0x1p-7f + 0x1p-8f, 1.0f + 0x1p-6f},   // a tie the other way
                                           {-1.0f - 0x1p-8f, -1.0f},
                                           {3.4e38f, INFINITY},
                                           {-INFINITY, -INFINITY},
                                           {0x1p-140f, 0.0f},  // below half the smallest: zero
                                           {0x1p-133f, 0x1p-133f}};
  for (const char* set : kSets) {
    const KernelTable& t = cpu_table(set, kNarrow);
    ExecContext ctx(1);
    HostTensor wide({41}, DType::Float32), narrow({41}, kNarrow);
    for (const auto& [from, to] : cases) {
      for (int i = 0; i < 41; ++i) wide.set(i, from);
      t.eltwise.copy(ctx, wide, narrow);
      INFO(set << ": " << from);
      CHECK(narrow.get(3) == to);
      CHECK(narrow.get(40) == to);
    }
    for (int i = 0; i < 41; ++i) wide.set(i, std::numeric_limits<float>::quiet_NaN());
    t.eltwise.copy(ctx, wide, narrow);
    for (int i = 0; i < 41; ++i) CHECK(std::isnan(narrow.get(i)));
    t.eltwise.unary(ctx, UnaryOp::ReLU, narrow, narrow, {});
    for (int i = 0; i < 41; ++i) CHECK(std::isnan(narrow.get(i)));
  }
}

TEST_CASE("bf16 convolutions of batches that are divided into blocks", "[conv][bf16]") {
  for (const ConvCase& c : long_batches()) {
    Operands make(HostLayout::ChannelsLast, 91);
    const Operand x = make.input(c.x, -1, 1, kNarrow), w = make.input(c.w, -1, 1, kNarrow);
    const Operand dy = make.input(c.y(), -1, 1, kNarrow), residual = make.input(c.y(), -1, 1, kNarrow);
    const Operand bias = make.input({c.w[0]});
    static ExecContext plain(2), fast(2);
    struct Results {
      HostTensor y, fused, dx, dw, db;
    };
    const auto run = [&](const char* set, ExecContext& ctx) {
      const auto empty = [](const Dims& d, DType t) { return HostTensor(d, t, HostLayout::ChannelsLast); };
      Results r{empty(c.y(), kNarrow), empty(c.y(), kNarrow), empty(c.x, kNarrow), empty(c.w, DType::Float32),
                HostTensor({c.w[0]}, DType::Float32)};
      const KernelTable& t = cpu_table(set, kNarrow);
      t.conv.forward(ctx, x.fast, w.fast, &bias.fast.view(), r.y, c.params);
      t.conv.forward_fused(ctx, x.fast, w.fast, {&bias.fast.view(), &residual.fast.view(), Activation::ReLU6}, r.fused,
                           c.params);
      t.conv.grad_input(ctx, dy.fast, w.fast, r.dx, c.params);
      t.conv.grad_weight(ctx, dy.fast, x.fast, r.dw, c.params);
      t.conv.grad_bias(ctx, dy.fast, r.db);
      return r;
    };
    const Results expected = run("ref", plain);
    for (const char* set : {"simd", "onednn"}) {
      const Results got = run(set, fast);
      const std::string label = std::string(set) + " " + c.descriptor();
      // Both round a sum of floats once: where they round apart, by a unit in the last place.
      CHECK(mismatch(label + " y", got.y, expected.y, 1, 2 * kBFloat16Tolerance) == "");
      CHECK(mismatch(label + " fused", got.fused, expected.fused, 1, 2 * kBFloat16Tolerance) == "");
      CHECK(mismatch(label + " dx", got.dx, expected.dx, 1, 2 * kBFloat16Tolerance) == "");
      CHECK(mismatch(label + " dw", got.dw, expected.dw, c.y().numel() / c.w[0], 1.2e-6) == "");
      CHECK(mismatch(label + " db", got.db, expected.db, c.y().numel() / c.w[0], 4.8e-7) == "");
    }
  }
}

TEST_CASE("bf16 weights that are kept: a new version is a new weight", "[conv][bf16]") {
  const ConvCase c{{2, 32, 12, 12}, {32, 32, 3, 3}, same_padding(1, 1)};
  for (const Autotune tuning : {Autotune::Off, Autotune::Quick}) {
    set_autotune(tuning);
    for (const char* set : {"simd", "onednn"}) {
      Operands make(HostLayout::ChannelsLast, 92);
      ExecContext ctx(1);
      const Operand x = make.input(c.x, -1, 1, kNarrow);
      Operand w = make.input(c.w, -1, 1, kNarrow);
      w.fast.use_slot();
      Operand y = make.output(c.y(), kNarrow);
      for (int version = 0; version < 3; ++version) {
        for (int again = 0; again < 2; ++again) {
          cpu_table(set, kNarrow).conv.forward_fused(ctx, x.fast, w.fast, {}, y.fast, c.params);
          oracle_table().conv.forward_fused(ctx, x.oracle, w.oracle, {}, y.oracle, c.params);
          CHECK(narrow_mismatch(set + std::string(" version ") + std::to_string(version), y) == "");
        }
        for (std::int64_t i = 0; i < c.w.numel(); i += 3) {
          w.fast.set(i, -2 * w.fast.get(i));
          w.oracle.set(i, w.fast.get(i));
        }
        w.fast.bump_version();
      }
    }
  }
  set_autotune(Autotune::Off);
}

TEST_CASE("bf16 convolutions show NaN and infinity as the reference does", "[conv][bf16][not-finite]") {
  for_each_bf16_table([](const TableUnderTest& t) {
    if (t.backend) return;
    Operands make(t, 93);
    int shown = 0, turn = 0;
    for (const ConvCase& c : conv_cases())
      for (const double bad : {std::numeric_limits<double>::quiet_NaN(), double{INFINITY}, -double{INFINITY}}) {
        Operand x = make.input(c.x, -1, 1, kNarrow);
        const Operand w = make.input(c.w, -1, 1, kNarrow);
        const std::int64_t at = c.x.numel() / 2;
        x.fast.set(at, bad), x.oracle.set(at, bad);
        Operand y = make.output(c.y(), kNarrow);
        run_both(t, [&](const KernelTable& k, Side s) {
          k.conv.forward_fused(t.ctx, x[s], w[s], {.activation = static_cast<Activation>(turn % 3)}, y[s], c.params);
        });
        ++turn;
        CHECK(narrow_mismatch(t.label() + " " + c.descriptor() + " with " + std::to_string(bad), y) == "");
        for (const double v : y.oracle.values()) shown += !std::isfinite(v);
      }
    CHECK(shown > 100);
  });
}

TEST_CASE("bf16: the same bits for any number of threads", "[bf16][invariant]") {
  const EveryThread mode;
  for (const char* set : {"simd", "onednn"})
    for (const ConvCase& c : long_batches()) {
      Operands make(HostLayout::ChannelsLast, 94);
      const Operand x = make.input(c.x, -1, 1, kNarrow), dy = make.input(c.y(), -1, 1, kNarrow);
      const Operand gamma = make.input({c.x[1]}), beta = make.input({c.x[1]});
      std::vector<std::vector<double>> expected;
      for (const int threads : {1, 2, 3}) {
        ExecContext ctx(threads);
        Operand dw = make.output(c.w), db = make.output({c.w[0]}), y = make.output(c.x, kNarrow);
        Operand mean = make.output({c.x[1]}), invstd = make.output({c.x[1]}), dx = make.output(c.x, kNarrow);
        Operand dgamma = make.output({c.x[1]}), dbeta = make.output({c.x[1]});
        const KernelTable& t = cpu_table(set, kNarrow);
        t.conv.grad_weight(ctx, dy.fast, x.fast, dw.fast, c.params);
        t.conv.grad_bias(ctx, dy.fast, db.fast);
        t.norm.batch_norm_train(ctx, x.fast, gamma.fast, beta.fast, nullptr, y.fast, mean.fast, invstd.fast, nullptr,
                                nullptr, {.activation = Activation::ReLU});
        t.norm.batch_norm_backward(ctx, {y.fast, x.fast, y.fast, gamma.fast, mean.fast, invstd.fast},
                                   {&dx.fast.view(), &dgamma.fast.view(), &dbeta.fast.view()}, true,
                                   {.activation = Activation::ReLU});
        std::vector<std::vector<double>> got;
        for (const Operand* o : {&dw, &db, &y, &mean, &invstd, &dx, &dgamma, &dbeta}) got.push_back(o->fast.values());
        if (threads == 1) expected = got;
        INFO(set << ", " << threads << " threads: " << c.descriptor());
        for (std::size_t i = 0; i < got.size(); ++i)
          CHECK(std::memcmp(got[i].data(), expected[i].data(), got[i].size() * sizeof(double)) == 0);
      }
    }
}
