// The GPU's kernels of the matrix side against the reference: what the shared cases do not reach. Rows and reductions
// longer than a block or cut in parts, views of odd strides, keys beyond shared memory, large tiles, values that are
// not finite, casts at the edges of their range.
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>

#include "tests/support/compare.h"

using namespace fledge;
using namespace fledge::test;

namespace {

const DType kAll[] = {DType::Float32, DType::Float64, DType::BFloat16, DType::Int32, DType::Int64, DType::UInt8};

/// The GPU's float32 table, operands for it, and the oracle beside it.
struct GpuMatrices {
  const Backend& backend;
  ExecContext ctx{1};
  Operands make;

  GpuMatrices(const Backend& b, std::uint64_t seed)
      : backend(b), make({"", b.f32, HostLayout::Contiguous, ctx, &b}, seed) {}

  HostTensor tensor(const Dims& dims, DType t, HostLayout layout = HostLayout::Contiguous) const {
    return HostTensor(dims, t, layout, &backend);
  }
  /// Calls f(table, side) for the table and for the oracle.
  template <class F>
  void run_both(F&& f) const {
    f(backend.f32, Side::Fast);
    f(oracle_table(), Side::Oracle);
  }
};

void with_gpu(std::uint64_t seed, const std::function<void(GpuMatrices&)>& f) {
  const Backend* backend = gpu_under_test();
  if (!backend) return;
  GpuMatrices gpu(*backend, seed);
  f(gpu);
}

/// Both sides get `value(number, old value)`.
void change(Operand& o, const std::function<double(std::int64_t, double)>& value) {
  for (HostTensor* h : {&o.fast, &o.oracle}) h->fill_from([&](std::int64_t i) { return value(i, h->get(i)); });
}

struct OddView {
  Dims dims, strides;
  std::int64_t offset;

  TensorView of(TensorView v) const {
    v.data = v.as<unsigned char>() + offset * static_cast<std::int64_t>(size_of(v.dtype));
    v.dims = dims;
    v.strides = strides;
    return v;
  }
};

}  // namespace

TEST_CASE("GPU: reductions of permuted, sliced and broadcast views, and long ones", "[gpu][reduce]") {
  with_gpu(91, [](GpuMatrices& gpu) {
    const Operand x = gpu.make.input({40, 50, 30});
    const OddView views[] = {{{50, 40, 30}, {30, 1500, 1}, 0}, {{30, 50, 40}, {1, 30, 1500}, 0},
                             {{20, 25, 10}, {3000, 60, 3}, 1}, {{40, 7, 50}, {1500, 0, 30}, 2},
                             {{6000, 10}, {10, 1}, 0},         {{10, 6000}, {1, 10}, 0},
                             {{3, 19999}, {20000, 1}, 1},      {{4, 1, 15000}, {15000, 77, 1}, 0}};
    for (const OddView& view : views)
      for (const Dims& y_dims : reduced_dims(view.dims))
        for (ReduceOp op : {ReduceOp::Sum, ReduceOp::Mean, ReduceOp::Max, ReduceOp::Min}) {
          const std::string label =
              to_string(view.dims) + " to " + to_string(y_dims) + " op " + std::to_string(static_cast<int>(op));
          Operand y = gpu.make.output(y_dims);
          gpu.run_both([&](const KernelTable& t, Side s) { t.reduce.reduce(gpu.ctx, op, view.of(x[s]), y[s]); });
          CHECK(mismatch(label, y, view.dims.numel() / y_dims.numel()) == "");
          if (op == ReduceOp::Sum || op == ReduceOp::Mean) continue;
          const Operand extreme = gpu.make.from_oracle(y), dy = gpu.make.input(y_dims);
          Operand dx = gpu.make.output(view.dims);
          gpu.run_both([&](const KernelTable& t, Side s) {
            t.reduce.extreme_backward(gpu.ctx, dy[s], view.of(x[s]), extreme[s], dx[s]);
          });
          CHECK(mismatch(label + " backward", dx) == "");
        }
  });
}

TEST_CASE("GPU: NaN wins a reduction, and nothing reduces to the identity", "[gpu][reduce]") {
  with_gpu(92, [](GpuMatrices& gpu) {
    for (const Dims& dims : {Dims{5000}, Dims{5, 1000}, Dims{1000, 5}, Dims{40, 3}})
      for (const Dims& y_dims : reduced_dims(dims))
        for (ReduceOp op : {ReduceOp::Max, ReduceOp::Min}) {
          Operand x = gpu.make.input(dims), y = gpu.make.output(y_dims);
          change(x, [](std::int64_t i, double v) { return i % 1311 == 7 ? NAN : v; });
          gpu.run_both([&](const KernelTable& t, Side s) { t.reduce.reduce(gpu.ctx, op, x[s], y[s]); });
          CHECK(mismatch(to_string(dims) + " to " + to_string(y_dims), y, 1, 0) == "");
        }
    for (ReduceOp op : {ReduceOp::Sum, ReduceOp::Mean, ReduceOp::Max, ReduceOp::Min}) {
      const Operand x = gpu.make.input({0, 3});
      Operand y = gpu.make.output({1, 3});
      gpu.run_both([&](const KernelTable& t, Side s) { t.reduce.reduce(gpu.ctx, op, x[s], y[s]); });
      CHECK(mismatch("nothing, op " + std::to_string(static_cast<int>(op)), y, 1, 0) == "");
    }
  });
}

TEST_CASE("GPU: row top k of long rows, all ties, narrow ranges and large k", "[gpu][rows]") {
  with_gpu(93, [](GpuMatrices& gpu) {
    for (const Dims& dims : {Dims{3, 257}, Dims{2, 5000}})
      for (std::int64_t k : {1, 10, 100, 1000, 3000, 5000})
        for (int kind = 0; kind < 4; ++kind)
          for (bool largest : {true, false}) {
            if (k > dims[1]) continue;
            Operand x = kind == 0   ? gpu.make.input(dims)
                        : kind == 1 ? gpu.make.ties(dims, 1, 1)
                        : kind == 2 ? gpu.make.input(dims, 1, 1.0001)
                                    : gpu.make.ties(dims, -2, 2);
            if (kind == 3)
              change(x, [](std::int64_t i, double v) {
                return v == 2 && i % 3 == 0 ? NAN : v == 0 && i % 2 ? -0.0 : v == 1 && i % 5 == 0 ? INFINITY : v;
              });
            Operand value = gpu.make.output({dims[0], k}), index = gpu.make.output({dims[0], k}, DType::Int64);
            gpu.run_both(
                [&](const KernelTable& t, Side s) { t.reduce.row_top_k(gpu.ctx, largest, x[s], value[s], index[s]); });
            const std::string label = to_string(dims) + " k " + std::to_string(k) + " kind " + std::to_string(kind);
            CHECK(mismatch(label + " value", value, 1, 0) == "");
            CHECK(mismatch(label + " index", index) == "");
          }
  });
}

TEST_CASE("GPU: masked rows with NaN and both zeros", "[gpu][rows]") {
  with_gpu(94, [](GpuMatrices& gpu) {
    for (const Dims& dims : {Dims{30, 40}, Dims{9, 1500}})
      for (int density : {0, 1, 4})
        for (bool maximum : {true, false}) {
          Operand x = gpu.make.ties(dims, -2, 2), value = gpu.make.output({dims[0]});
          change(x, [](std::int64_t i, double v) {
            return v == 2 && i % 2 ? NAN : v == 0 && i % 3 ? -0.0 : v == -2 && i % 2 ? INFINITY : v;
          });
          const Operand mask = gpu.make.integers(dims, DType::UInt8, 0, density);
          Operand index = gpu.make.output({dims[0]}, DType::Int64);
          gpu.run_both([&](const KernelTable& t, Side s) {
            t.reduce.masked_row_extreme(gpu.ctx, maximum, x[s], mask[s], value[s], index[s]);
          });
          CHECK(mismatch(to_string(dims) + " value", value, 1, 0) == "");
          CHECK(mismatch(to_string(dims) + " index", index) == "");
        }
  });
}

TEST_CASE("GPU: softmax of rows with infinities and NaN", "[gpu][rows]") {
  with_gpu(95, [](GpuMatrices& gpu) {
    const std::int64_t columns = 3000;
    const Dims dims{4, columns};
    Operand x = gpu.make.input(dims, -5, 5);  // a row with few values, one with none, one with a NaN, a plain one
    change(x, [&](std::int64_t i, double v) {
      const std::int64_t row = i / columns;
      return (row == 0 && i % 3) || row == 1 ? -INFINITY : i == 2 * columns + 5 ? NAN : v;
    });
    Operand y = gpu.make.output(dims), log_y = gpu.make.output(dims), sum = gpu.make.output({4});
    gpu.run_both([&](const KernelTable& t, Side s) { t.reduce.softmax(gpu.ctx, x[s], y[s]); });
    gpu.run_both([&](const KernelTable& t, Side s) { t.reduce.log_softmax(gpu.ctx, x[s], log_y[s]); });
    gpu.run_both([&](const KernelTable& t, Side s) { t.reduce.log_sum_exp(gpu.ctx, x[s], sum[s]); });
    CHECK(mismatch("softmax", y, columns) == "");
    CHECK(mismatch("log_softmax", log_y, columns) == "");
    CHECK(mismatch("log_sum_exp", sum, columns) == "");
  });
}

TEST_CASE("GPU: distances in large tiles, near duplicates, gradients of either side", "[gpu][distance]") {
  with_gpu(96, [](GpuMatrices& gpu) {
    const std::int64_t columns = 75;
    for (const std::int64_t rows : {std::int64_t{40}, std::int64_t{230}})  // small tiles, large tiles
      for (bool self : {true, false})
        for (bool squared : {true, false}) {
          const PairwiseDistanceParams p{.squared = squared, .zero_diagonal = squared};
          const Dims dims{rows, columns}, other{self ? rows : rows - 9, columns}, out{rows, other[0]};
          Operand a = gpu.make.input(dims), b = gpu.make.input(other);
          for (std::int64_t c = 0; c < columns; ++c) {  // row 7 is row 0 of the other side, but for a few last bits
            const double v = static_cast<float>((self ? a : b).fast.get(c) * (1 + 1e-6 * static_cast<double>(c % 3)));
            for (HostTensor* h : {&a.fast, &a.oracle}) h->set(7 * columns + c, v);
          }
          const Operand& right = self ? a : b;
          const Operand dd = gpu.make.input(out);
          Operand d = gpu.make.output(out), da = gpu.make.output(dims), db = gpu.make.output(other);
          gpu.run_both(
              [&](const KernelTable& t, Side s) { t.distance.pairwise_distance(gpu.ctx, a[s], right[s], d[s], p); });
          const std::string label = std::to_string(rows) + (self ? " self" : "") + (squared ? " squared" : "");
          CHECK(mismatch(label, d, columns) == "");
          const double near = d.oracle.get(7 * out[1]);
          CHECK(std::fabs(d.fast.get(7 * out[1]) - near) <= 1e-5 * near);
          const Operand d_in = gpu.make.from_oracle(d);
          gpu.run_both([&](const KernelTable& t, Side s) {
            t.distance.pairwise_distance_backward(gpu.ctx, dd[s], a[s], right[s], d_in[s], da.at(s), nullptr, self, p);
          });
          CHECK(mismatch(label + " da", da, 4 * out[1]) == "");
          if (self) continue;
          gpu.run_both([&](const KernelTable& t, Side s) {
            t.distance.pairwise_distance_backward(gpu.ctx, dd[s], a[s], right[s], d_in[s], nullptr, db.at(s), self, p);
          });
          CHECK(mismatch(label + " db", db, 4 * out[0]) == "");
        }
  });
}

TEST_CASE("GPU: rows added up in the order of many indices", "[gpu][gather]") {
  with_gpu(97, [](GpuMatrices& gpu) {
    for (const Dims& dims : {Dims{3, 300}, Dims{1000, 12}, Dims{50, 1}})
      for (const std::int64_t picks : {0, 1, 700}) {
        const Operand dy = gpu.make.input({picks, dims[1]});
        const Operand row = gpu.make.integers({picks}, DType::Int64, 0, dims[0] < 30 ? 2 : 29);
        Operand dx = gpu.make.output(dims);
        gpu.run_both(
            [&](const KernelTable& t, Side s) { t.gather.index_select_backward(gpu.ctx, dy[s], row[s], dx[s]); });
        CHECK(mismatch(to_string(dims) + " picks " + std::to_string(picks), dx, picks) == "");
      }
  });
}

TEST_CASE("GPU: casts at the edges of every range, also of broadcast values", "[gpu][eltwise]") {
  const double tiny = 1e-12, half = 1.0 / 256;  // of the last place of bfloat16, at 1
  const std::vector<double> values = {0,
                                      -0.0,
                                      0.5,
                                      -0.5,
                                      0.99,
                                      -0.99,
                                      1.5,
                                      -1.5,
                                      254.9,
                                      255,
                                      256,
                                      -1,
                                      2147483647.0,
                                      2147483648.0,
                                      -2147483649.0,
                                      1e30,
                                      -1e30,
                                      1e300,
                                      INFINITY,
                                      -INFINITY,
                                      NAN,
                                      1 + half,
                                      1 + 3 * half,
                                      1 + half + tiny,
                                      1 + half - tiny,
                                      -(1 + half + tiny),
                                      1 + 3 * half + tiny,
                                      1 + 3 * half - tiny,
                                      3.4e38,
                                      3.3999e38,
                                      1e-40,
                                      16777217,
                                      4294967296.0,
                                      9.3e18,
                                      -9.3e18};
  with_gpu(98, [&](GpuMatrices& gpu) {
    const std::int64_t n = static_cast<std::int64_t>(values.size());
    for (DType from : kAll)
      for (DType to : kAll) {
        if (from == to) continue;
        HostTensor x = gpu.tensor({n}, from);
        x.fill_from([&](std::int64_t i) {
          const double v = values[static_cast<std::size_t>(i)];
          return is_floating(from) || std::fabs(v) < 9e18 ? v : 7;
        });
        for (std::int64_t copies : {1, 3}) {
          HostTensor got = gpu.tensor({n, copies}, to), expected({n, copies}, to), source({n}, from);
          source.fill_from([&](std::int64_t i) { return x.get(i); });
          const OddView repeated{{n, copies}, {1, 0}, 0};
          gpu.backend.f32.eltwise.copy(gpu.ctx, repeated.of(x), got);
          oracle_table().eltwise.copy(gpu.ctx, repeated.of(source), expected);
          CHECK(mismatch(std::string(name_of(from)) + " to " + name_of(to), got, expected, 1, 0) == "");
        }
      }
    for (DType to : kAll)
      for (double v : values) {
        HostTensor got = gpu.tensor({20, 33}, to), expected({20, 33}, to);
        const OddView every_second{{10, 16}, {66, 2}, 1};
        for (HostTensor* h : {&got, &expected})
          h->fill_from([](std::int64_t i) { return static_cast<double>(i % 200); });
        gpu.backend.f32.eltwise.fill(gpu.ctx, every_second.of(got), v);
        oracle_table().eltwise.fill(gpu.ctx, every_second.of(expected), v);
        CHECK(mismatch(std::string("fill ") + name_of(to) + " " + std::to_string(v), got, expected, 1, 0) == "");
      }
  });
}

TEST_CASE("GPU: large transposing copies of every pair of dtypes", "[gpu][eltwise]") {
  with_gpu(99, [](GpuMatrices& gpu) {
    const Dims dims{2, 70, 9, 11};
    const HostLayout layouts[] = {HostLayout::Contiguous, HostLayout::ChannelsLast};
    for (DType from : kAll)
      for (DType to : kAll)
        for (int i : {0, 1}) {
          HostTensor x = gpu.tensor(dims, from, layouts[i]), got = gpu.tensor(dims, to, layouts[1 - i]);
          x.fill_from([](std::int64_t k) { return static_cast<double>(k % 251); });
          gpu.backend.f32.eltwise.copy(gpu.ctx, x, got);
          const HostTensor expected = x.as(to, layouts[1 - i]);
          CHECK(mismatch(std::string(name_of(from)) + " to " + name_of(to), got, expected, 1, 0) == "");
        }
  });
}

TEST_CASE("GPU: elementwise functions of views in unlike layouts", "[gpu][eltwise]") {
  with_gpu(100, [](GpuMatrices& gpu) {
    const Operand x = gpu.make.input({37, 21}), g = gpu.make.input({21, 37});
    const OddView turned{{21, 37}, {1, 21}, 0};
    Operand y = gpu.make.output({21, 37}), dx = gpu.make.output({21, 37}), product = gpu.make.output({21, 37});
    gpu.run_both(
        [&](const KernelTable& t, Side s) { t.eltwise.unary(gpu.ctx, UnaryOp::Square, turned.of(x[s]), y[s], {}); });
    const Operand y_in = gpu.make.from_oracle(y);
    gpu.run_both([&](const KernelTable& t, Side s) {
      t.eltwise.unary_backward(gpu.ctx, UnaryOp::Square, g[s], turned.of(x[s]), y_in[s], dx[s], {});
    });
    gpu.run_both([&](const KernelTable& t, Side s) {
      t.eltwise.binary(gpu.ctx, BinaryOp::Mul, turned.of(x[s]), g[s], product[s]);
    });
    CHECK(mismatch("square", y) == "");
    CHECK(mismatch("its gradient", dx) == "");
    CHECK(mismatch("product", product) == "");
  });
}
