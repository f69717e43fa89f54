// The inner loop of the exact search: comparisons and counts, the same in every instruction set.
#include "kernels/cpu/simd/families.h"

namespace fledge::cpu::FLEDGE_ISA {
namespace {

constexpr std::int64_t kChunk = 64;

template <bool COLUMNS>
inline __attribute__((always_inline)) std::int64_t scan(const ScanArgs& a, std::uint8_t* marks) {
  const float strict = a.strict, loose = a.loose, list = a.list, row_strict = a.row_strict, row_loose = a.row_loose;
  std::int64_t total = 0;
  for (std::int64_t first = 0; first < a.count; first += kChunk) {
    const float *p = a.products + first, *s = a.item_strict + first, *l = a.item_loose + first;
    const float* column_strict = COLUMNS ? a.column_strict + first : nullptr;
    const float* column_loose = COLUMNS ? a.column_loose + first : nullptr;
    const float* column_list = COLUMNS ? a.column_list + first : nullptr;
    std::int32_t* column_before = COLUMNS ? a.column_before + first : nullptr;
    const int n = static_cast<int>(a.count - first < kChunk ? a.count - first : kChunk);
    int before = 0, marked = 0, column_marked = 0;
#pragma GCC ivdep
    for (int k = 0; k < n; ++k) {
      const int certain = p[k] > strict + s[k], possible = p[k] >= loose + l[k], near = p[k] >= list + l[k];
      before += certain;
      marked |= (possible ^ certain) | near;
      if (!COLUMNS) continue;
      const int column_certain = p[k] > column_strict[k] + row_strict;
      const int column_possible = p[k] >= column_loose[k] + row_loose;
      const int column_near = p[k] >= column_list[k] + row_loose;
      column_before[k] += column_certain;
      column_marked |= (column_possible ^ column_certain) | column_near;
    }
    total += before;
    *marks++ = static_cast<std::uint8_t>(marked | column_marked << 1);
  }
  return total;
}

std::int64_t scan_row(const ScanArgs& a, std::uint8_t* marks) {
  return a.column_before ? scan<true>(a, marks) : scan<false>(a, marks);
}

}  // namespace

void fill_scan(SimdTable& t) { t.scan_row = &scan_row; }

}  // namespace fledge::cpu::FLEDGE_ISA
