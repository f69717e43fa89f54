// The scan of an exact search: a truth by hand, and every table against the reference. Limits and products are whole
// multiples of 1/64, so that float32 and double agree on every comparison.
#include <catch2/catch.hpp>
#include <limits>

#include "tests/support/compare.h"

using namespace fledge;
using namespace fledge::test;

namespace {

/// Multiples of 1/64 in [low, high].
Operand steps(Operands& make, const Dims& dims, double low, double high) {
  Operand o = make.ties(dims, static_cast<int>(64 * low), static_cast<int>(64 * high));
  for (HostTensor* side : {&o.fast, &o.oracle})
    for (std::int64_t i = 0; i < dims.numel(); ++i) side->set(i, side->get(i) / 64);
  return o;
}

/// Some queries have no limit to come before, or take whatever comes.
void open_and_close(Operand& queries, std::int64_t count) {
  constexpr double kNever = std::numeric_limits<double>::infinity();
  for (HostTensor* side : {&queries.fast, &queries.oracle})
    for (std::int64_t i = 0; i < count; ++i) {
      if (i % 5 == 1) side->set(i, kNever), side->set(count + i, kNever);
      if (i % 7 == 2) side->set(2 * count + i, i % 2 ? kNever : -kNever);
    }
}

}  // namespace

TEST_CASE("ref scan: certain items are counted, what is open is marked", "[ref][scan]") {
  ExecContext ctx(1);
  // 66 items, limits of items 0. Strict 0.5, loose 0.25, list 1: p = 0.5 is open, 0.75 certain, 1 near.
  HostTensor p({1, 66}, DType::Float64), items({2, 66}, DType::Float64);
  for (std::int64_t j = 0; j < 66; ++j) p.set(j, 0), items.set(j, 0), items.set(66 + j, 0);
  for (const std::int64_t j : {0, 1, 65}) p.set(j, 0.75);
  const HostTensor queries({3, 1}, {0.5, 0.25, 1}, DType::Float64);
  HostTensor before({1}, DType::Int32), marks({1, 2}, DType::UInt8);
  const auto scan = [&](const ScanColumns* columns) {
    oracle_table().distance.scan_products(ctx, p, queries, items, before, marks, columns);
    return std::vector<double>{before.get(0), marks.get(0), marks.get(1)};
  };
  CHECK(scan(nullptr) == std::vector<double>{3, 0, 0});
  p.set(2, 0.5);
  CHECK(scan(nullptr) == std::vector<double>{3, 1, 0});
  p.set(65, 1);
  CHECK(scan(nullptr) == std::vector<double>{3, 1, 1});
  // Column 0 alone is a query: its strict limit is 0.75 with the row's 0.
  HostTensor column_queries({3, 66}, DType::Float64), column_before({66}, DType::Int32);
  const HostTensor row_items({2, 1}, {0, 0}, DType::Float64);
  for (std::int64_t i = 0; i < 3 * 66; ++i) column_queries.set(i, 9);
  column_queries.set(0, 0.7), column_queries.set(66, 0.7);
  p.set(2, 0), p.set(65, 0.75);
  const ScanColumns columns{column_queries, row_items, column_before};
  CHECK(scan(&columns) == std::vector<double>{3, 0, 0});
  CHECK(column_before.get(0) == 1);
  CHECK(column_before.get(1) == 0);
  column_queries.set(132 + 1, 0.75);  // column 1 takes it into its list
  CHECK(scan(&columns) == std::vector<double>{3, kScanColumn, 0});
  p.set(2, 0.5);  // the row has one that is open besides
  CHECK(scan(&columns) == std::vector<double>{3, kScanRow | kScanColumn, 0});
}

TEST_CASE("scan of products", "[scan]") {
  for_each_table([](const TableUnderTest& t) {
    Operands make(t, 71);
    for (const Dims& dims : {Dims{1, 1}, Dims{1, 63}, Dims{5, 64}, Dims{3, 65}, Dims{33, 200}, Dims{70, 257}})
      for (const bool both : {false, true}) {
        const std::int64_t rows = dims[0], width = dims[1], chunks = (width + kScanChunk - 1) / kScanChunk;
        const Operand p = steps(make, dims, -1, 1);
        Operand queries = steps(make, {3, rows}, 0, 1), column_queries = steps(make, {3, width}, 0, 1);
        const Operand items = steps(make, {2, width}, 0, 0.25), row_items = steps(make, {2, rows}, 0, 0.25);
        open_and_close(queries, rows);
        open_and_close(column_queries, width);
        Operand before = make.output({rows}, DType::Int32), marks = make.output({rows, chunks}, DType::UInt8),
                column_before = make.output({width}, DType::Int32);
        const auto run = [&](const KernelTable& table, ExecContext& ctx, Side s) {
          const ScanColumns columns{column_queries[s], row_items[s], column_before[s]};
          table.distance.scan_products(ctx, p[s], queries[s], items[s], before[s], marks[s], both ? &columns : nullptr);
        };
        run(t.table, t.ctx, Side::Fast);
        ExecContext ctx(1);
        run(oracle_table(), ctx, Side::Oracle);
        const std::string label = t.label() + " " + to_string(dims) + (both ? " both" : "");
        CHECK(mismatch(label + " before", before) == "");
        CHECK(mismatch(label + " marks", marks) == "");
        if (both) CHECK(mismatch(label + " column before", column_before) == "");
      }
  });
}
