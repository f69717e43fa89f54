// thread_invariant(): every kernel of the CPU's tables gives the same bits for 1, 2, 3 and 4 threads. Shapes
// are odd and large enough to be divided; the values are held to the reference where the division is oneDNN's.
#include <catch2/catch.hpp>
#include <cstring>

#include "kernels/api/reproducibility.h"
#include "tests/support/cases_conv.h"
#include "tests/support/cases_norm.h"
#include "tests/support/compare.h"

using namespace fledge;
using namespace fledge::test;

namespace {

bool same_bits(const std::vector<std::vector<double>>& a, const std::vector<std::vector<double>>& b) {
  for (std::size_t i = 0; i < a.size(); ++i)
    if (std::memcmp(a[i].data(), b[i].data(), a[i].size() * sizeof(double)) != 0) return false;
  return true;
}

struct Mode {
  Mode() { set_thread_invariant(true); }
  ~Mode() { set_thread_invariant(false); }
};

/// f(table, context) for 1, 2, 3 and 4 threads; the outputs must hold the same bytes every time. Contexts live on, so
/// that plans of one problem are there to be taken for another's.
template <class F>
void for_threads(const std::string& what, std::vector<HostTensor*> outputs, F f) {
  static ExecContext one(1), two(2), three(3), four(4);
  const Mode mode;
  for (const char* name : {"simd", "onednn"}) {
    std::vector<std::vector<double>> expected;
    for (ExecContext* ctx : {&one, &two, &three, &four}) {
      f(cpu_table(name, DType::Float32), *ctx);
      std::vector<std::vector<double>> got;
      for (const HostTensor* y : outputs) {
        CHECK(y->canaries_intact());
        got.push_back(y->values());
      }
      if (ctx == &one) expected = got;
      INFO(name << ", " << ctx->threads() << " threads: " << what);
      CHECK(same_bits(got, expected));
    }
  }
}

/// Divided by pictures into less than eight, eight and unequal parts; by filters; not at all.
std::vector<ConvCase> divided_cases() {
  std::vector<ConvCase> cases;
  for (const ConvCase& c : conv_cases()) cases.push_back(c);
  cases.push_back({{13, 24, 15, 13}, {40, 24, 3, 3}, same_padding(1, 1)});
  cases.push_back({{8, 64, 10, 10}, {64, 64, 3, 3}, same_padding(1, 1)});
  cases.push_back({{3, 33, 17, 19}, {65, 33, 3, 3}, same_padding(2, 1)});
  cases.push_back({{17, 32, 9, 9}, {64, 32, 1, 1}, same_padding(2, 0)});
  cases.push_back({{11, 3, 41, 39}, {16, 3, 7, 7}, same_padding(2, 3)});
  cases.push_back({{9, 128, 4, 4}, {256, 128, 3, 3}, same_padding(1, 1)});
  cases.push_back({{5, 256, 3, 5}, {128, 256, 1, 1}, same_padding(1, 0)});
  cases.push_back({{9, 40, 23, 21}, {40, 1, 3, 3}, same_padding(1, 1, 40)});
  cases.push_back({{9, 8, 43, 41}, {8, 1, 3, 3}, same_padding(2, 1, 8)});
  cases.push_back({{9, 32, 16, 16}, {64, 16, 3, 3}, same_padding(1, 1, 2)});
  return cases;
}

bool worth_comparing(const ConvCase& c) { return c.y().numel() * c.depth() < 30'000'000; }

}  // namespace

TEST_CASE("thread-invariant: convolutions", "[invariant]") {
  Operands make(HostLayout::ChannelsLast, 71);
  for (const ConvCase& c : divided_cases()) {
    const Operand x = make.input(c.x), dy = make.input(c.y()), bias = make.input({c.w[0]}),
                  residual = make.input(c.y());
    Operand w = make.input(c.w);
    w.fast.use_slot();  // lanes meet at the packed weight
    Operand y = make.output(c.y()), fused = make.output(c.y()), dx = make.output(c.x), dw = make.output(c.w),
            db = make.output({c.w[0]});
    for_threads(c.descriptor(), {&y.fast, &fused.fast, &dx.fast, &dw.fast, &db.fast},
                [&](const KernelTable& t, ExecContext& ctx) {
                  w.fast.bump_version();
                  t.conv.forward(ctx, x.fast, w.fast, &bias.fast.view(), y.fast, c.params);
                  t.conv.forward_fused(ctx, x.fast, w.fast,
                                       {.residual = &residual.fast.view(), .activation = Activation::ReLU}, fused.fast,
                                       c.params);
                  t.conv.grad_input(ctx, dy.fast, w.fast, dx.fast, c.params);
                  t.conv.grad_weight(ctx, dy.fast, x.fast, dw.fast, c.params);
                  t.conv.grad_bias(ctx, dy.fast, db.fast);
                });
    if (!worth_comparing(c)) continue;
    static ExecContext oracle(1);
    oracle_table().conv.forward(oracle, x.oracle, w.oracle, &bias.oracle.view(), y.oracle, c.params);
    oracle_table().conv.grad_input(oracle, dy.oracle, w.oracle, dx.oracle, c.params);
    oracle_table().conv.grad_weight(oracle, dy.oracle, x.oracle, dw.oracle, c.params);
    CHECK(mismatch("forward " + c.descriptor(), y, c.depth()) == "");
    CHECK(mismatch("grad_input " + c.descriptor(), dx, c.w[0] / c.params.groups * c.w[2] * c.w[3]) == "");
    CHECK(mismatch("grad_weight " + c.descriptor(), dw, c.y().numel() / c.w[0]) == "");
  }
}

TEST_CASE("thread-invariant: matrix products", "[invariant]") {
  struct Size {
    std::int64_t m, n, k;
  };
  Operands make(HostLayout::Contiguous, 72);
  for (const Size& s : {Size{1, 1, 1}, Size{33, 17, 65}, Size{203, 131, 77}, Size{64, 512, 256}, Size{500, 33, 129},
                        Size{17, 700, 300}, Size{1024, 100, 64}})
    for (const bool ta : {false, true})
      for (const bool tb : {false, true})
        for (const bool packed : {false, true}) {
          const Operand a = make.input(ta ? Dims{s.k, s.m} : Dims{s.m, s.k}), bias = make.input({s.n});
          Operand b = make.input(tb ? Dims{s.n, s.k} : Dims{s.k, s.n}), c = make.output({s.m, s.n});
          if (packed) b.fast.use_slot();
          const MatmulParams p{.transpose_a = ta, .transpose_b = tb, .b_is_weight = packed};
          const std::string what = std::to_string(s.m) + "x" + std::to_string(s.n) + "x" + std::to_string(s.k) +
                                   (ta ? " ta" : "") + (tb ? " tb" : "") + (packed ? " packed" : "");
          for_threads(what, {&c.fast}, [&](const KernelTable& t, ExecContext& ctx) {
            if (packed) b.fast.bump_version();
            t.gemm.matmul(ctx, a.fast, b.fast, &bias.fast.view(), c.fast, p);
          });
          static ExecContext oracle(1);
          oracle_table().gemm.matmul(oracle, a.oracle, b.oracle, &bias.oracle.view(), c.oracle, p);
          CHECK(mismatch(what, c, s.k) == "");
        }
}

TEST_CASE("thread-invariant: batch norm", "[invariant]") {
  Operands make(HostLayout::ChannelsLast, 73);
  std::vector<NormCase> cases = norm_cases();
  cases.push_back({{7, 24, 33, 31}, Activation::ReLU, true});
  cases.push_back({{5, 130, 19, 17}, Activation::ReLU6, false});
  cases.push_back({{9, 3, 61, 59}, Activation::None, true});
  for (const NormCase& c : cases) {
    const Dims each = {c.x[1]};
    const Operand x = make.input(c.x, -2, 3), gamma = make.input(each), beta = make.input(each),
                  residual = make.input(c.x), dy = make.input(c.x);
    Operand y = make.output(c.x), mean = make.output(each), invstd = make.output(each), dx = make.output(c.x),
            dgamma = make.output(each), dbeta = make.output(each), dresidual = make.output(c.x);
    BatchNormParams p;
    p.activation = c.activation;
    const TensorView* r = c.residual ? &residual.fast.view() : nullptr;
    const BatchNormGrads grads{&dx.fast.view(), &dgamma.fast.view(), &dbeta.fast.view(),
                               c.residual ? &dresidual.fast.view() : nullptr};
    for_threads(c.descriptor(), {&y.fast, &mean.fast, &invstd.fast, &dx.fast, &dgamma.fast, &dbeta.fast},
                [&](const KernelTable& t, ExecContext& ctx) {
                  t.norm.batch_norm_train(ctx, x.fast, gamma.fast, beta.fast, r, y.fast, mean.fast, invstd.fast,
                                          nullptr, nullptr, p);
                  t.norm.batch_norm_backward(ctx, {dy.fast, x.fast, y.fast, gamma.fast, mean.fast, invstd.fast}, grads,
                                             true, p);
                });
  }
}

TEST_CASE("thread-invariant: reductions, norms of gradients, pooling", "[invariant]") {
  Operands make(HostLayout::ChannelsLast, 74);
  for (const Dims& dims : {Dims{300'007}, Dims{701, 513}, Dims{3, 90'001}, Dims{40'009, 5}}) {
    const Operand x = make.input(dims);
    Operand all = make.output({}), rows = make.output({dims[0]}), columns = make.output({dims[dims.rank() - 1]});
    TensorView over_rows = rows.fast, over_columns = columns.fast, over_all = all.fast;
    over_all.dims = dims, over_all.strides = dims;
    for (int i = 0; i < dims.rank(); ++i) over_all.dims[i] = 1, over_all.strides[i] = 1;
    HostTensor norm({1}, DType::Float64);
    for_threads("reduce " + to_string(dims), {&all.fast, &norm}, [&](const KernelTable& t, ExecContext& ctx) {
      t.reduce.reduce(ctx, ReduceOp::Sum, x.fast, over_all);
      t.optim.grad_norm(ctx, std::vector<TensorView>{x.fast}, norm);
    });
    if (dims.rank() < 2) continue;
    over_rows.dims = {dims[0], 1}, over_rows.strides = {1, 1};
    over_columns.dims = {1, dims[1]}, over_columns.strides = {1, 1};
    for_threads("rows and columns of " + to_string(dims), {&rows.fast, &columns.fast},
                [&](const KernelTable& t, ExecContext& ctx) {
                  t.reduce.reduce(ctx, ReduceOp::Mean, x.fast, over_rows);
                  t.reduce.reduce(ctx, ReduceOp::Mean, x.fast, over_columns);
                });
  }
  const Dims maps = {9, 33, 21, 19};
  const Operand x = make.input(maps), dy = make.input({9, 33});
  Operand y = make.output({9, 33}), dx = make.output(maps);
  for_threads("average pooling", {&y.fast, &dx.fast}, [&](const KernelTable& t, ExecContext& ctx) {
    t.pool.global_avg_pool(ctx, x.fast, y.fast);
    t.pool.global_avg_pool_backward(ctx, dy.fast, dx.fast);
  });
}

TEST_CASE("thread-invariant: elementwise functions, optimisers, rows, distances", "[invariant]") {
  Operands make(HostLayout::Contiguous, 75);
  for (const std::int64_t n : {65'537, 131'101, 300'007}) {
    const Operand a = make.input({n}, 0.1, 3), b = make.input({n}, 0.1, 3);
    for (int op = 0; op < 10; ++op) {
      Operand y = make.output({n}), dx = make.output({n});
      const UnaryParams p{.a = 0.7, .b = 1.3};
      for_threads("unary " + std::to_string(op), {&y.fast, &dx.fast}, [&](const KernelTable& t, ExecContext& ctx) {
        t.eltwise.unary(ctx, static_cast<UnaryOp>(op), a.fast, y.fast, p);
        t.eltwise.unary_backward(ctx, static_cast<UnaryOp>(op), b.fast, a.fast, y.fast, dx.fast, p);
      });
    }
    HostTensor w({n}, DType::Float32), m({n}, DType::Float32), v({n}, DType::Float32);
    const HostTensor lr({1}, {0.1}), rates({3}, {0.1, 0.27, 0.055}), norm({1}, {3});
    for_threads("sgd, adam", {&w, &m, &v}, [&](const KernelTable& t, ExecContext& ctx) {
      w.fill_from([&](std::int64_t i) { return a.fast.get(i); });
      m.fill_from([&](std::int64_t i) { return b.fast.get(i); });
      v.fill_from([&](std::int64_t i) { return a.fast.get(i); });
      const OptimTensor sgd{.w = w, .grad = b.fast, .first = m, .second = {}, .weight_decay = 1e-2};
      const OptimTensor adam{.w = w, .grad = b.fast, .first = m, .second = v, .weight_decay = 1e-2};
      t.optim.sgd_step(ctx, {&sgd, 1}, {}, {lr, norm, 2});
      t.optim.adam_step(ctx, {&adam, 1}, {}, {rates, norm, 2});  // clipped
    });
  }
  const Operand x = make.input({513, 301}), g = make.input({513, 301});
  Operand soft = make.output({513, 301}), back = make.output({513, 301}), unit = make.output({513, 301}),
          norm = make.output({513});
  for_threads("rows", {&soft.fast, &back.fast, &unit.fast, &norm.fast}, [&](const KernelTable& t, ExecContext& ctx) {
    t.reduce.log_softmax(ctx, x.fast, soft.fast);
    t.reduce.log_softmax_backward(ctx, g.fast, soft.fast, back.fast);
    t.distance.l2_normalize(ctx, x.fast, unit.fast, norm.fast, 1e-12);
  });
  const Operand e = make.input({201, 65}), dd = make.input({201, 201});
  Operand d = make.output({201, 201}), de = make.output({201, 65});
  const PairwiseDistanceParams p;
  for_threads("distances", {&d.fast, &de.fast}, [&](const KernelTable& t, ExecContext& ctx) {
    t.distance.pairwise_distance(ctx, e.fast, e.fast, d.fast, p);
    t.distance.pairwise_distance_backward(ctx, dd.fast, e.fast, e.fast, d.fast, &de.fast.view(), nullptr, true, p);
  });
}
