#include "nn/metrics/scan.h"

#include <algorithm>
#include <cmath>

#include "nn/metrics/frame.h"
#include "nn/metrics/isa.h"

namespace fledge {
namespace {

// Roundings of the limits themselves and of the one addition: half-ulps of the largest term.
constexpr double kUnit = 8.0 / (1 << 24);

float up(double v) { return std::nextafter(static_cast<float>(v), INFINITY); }
float down(double v) { return std::nextafter(static_cast<float>(v), -INFINITY); }

}  // namespace

float query_strict(float square, double limit, std::int64_t d) {
  return up((square * (1.0 + distance_slack(d)) - limit) / 2 + kUnit * (square + limit));
}
float query_loose(float square, double limit, std::int64_t d) {
  return down((square * (1.0 - distance_slack(d)) - limit) / 2 - kUnit * (square + limit));
}
float item_strict(float square, std::int64_t d) {
  return up(square * (1.0 + distance_slack(d)) / 2 + kUnit * square + underflow_slack(d));
}
float item_loose(float square, std::int64_t d) {
  return down(square * (1.0 - distance_slack(d)) / 2 - kUnit * square - underflow_slack(d));
}

FLEDGE_FOR_EACH_ISA
std::int64_t scan_row(const RowScan& row, unsigned char* marks) {
  const float strict = row.strict, loose = row.loose, list = row.list;
  std::int64_t total = 0;
  for (std::int64_t first = 0; first < row.count; first += kScanChunk) {
    const float* p = row.products + first;
    const float* s = row.items_strict + first;
    const float* l = row.items_loose + first;
    const int n = static_cast<int>(std::min(kScanChunk, row.count - first));
    int before = 0, marked = 0;
#pragma omp simd reduction(+ : before) reduction(| : marked)
    for (int k = 0; k < n; ++k) {
      const int certain = p[k] > strict + s[k];
      const int possible = p[k] >= loose + l[k];
      const int near = p[k] >= list + l[k];
      before += certain;
      marked |= (possible ^ certain) | near;
    }
    total += before;
    *marks++ = static_cast<unsigned char>(marked);
  }
  return total;
}

FLEDGE_FOR_EACH_ISA
std::int64_t scan_row_and_columns(const RowScan& row, const ColumnScan& columns, unsigned char* marks) {
  const float strict = row.strict, loose = row.loose, list = row.list;
  const float item_strict = columns.item_strict, item_loose = columns.item_loose;
  std::int64_t total = 0;
  for (std::int64_t first = 0; first < row.count; first += kScanChunk) {
    const float* p = row.products + first;
    const float* s = row.items_strict + first;
    const float* l = row.items_loose + first;
    const float* column_strict = columns.strict + first;
    const float* column_loose = columns.loose + first;
    const float* column_list = columns.list + first;
    std::int32_t* column_before = columns.before + first;
    const int n = static_cast<int>(std::min(kScanChunk, row.count - first));
    int before = 0, marked = 0;
#pragma omp simd reduction(+ : before) reduction(| : marked)
    for (int k = 0; k < n; ++k) {
      const int certain = p[k] > strict + s[k];
      const int possible = p[k] >= loose + l[k];
      const int near = p[k] >= list + l[k];
      const int column_certain = p[k] > column_strict[k] + item_strict;
      const int column_possible = p[k] >= column_loose[k] + item_loose;
      const int column_near = p[k] >= column_list[k] + item_loose;
      before += certain;
      column_before[k] += column_certain;
      marked |= (possible ^ certain) | near | (column_possible ^ column_certain) | column_near;
    }
    total += before;
    *marks++ = static_cast<unsigned char>(marked);
  }
  return total;
}

}  // namespace fledge
