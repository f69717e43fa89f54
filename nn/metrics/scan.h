// The inner loops of retrieval: one row of products compared with limits, for the row's query and for the columns'
// queries. Private to nn/metrics/.
//
// Gallery item g comes before query q's limit t (a squared distance in the frame) for certain when
//   |q|^2 + |g|^2 - 2p + slack < t,   that is   p > [(|q|^2 (1 + s) - t) / 2] + [|g|^2 (1 + s) / 2],
// and may come before it when the same holds with 1 - s: a sum of a number of the query's and one of the item's, so a
// comparison is one addition and one compare.
#pragma once
#include <cstdint>
#include <vector>

namespace fledge {

constexpr std::int64_t kScanChunk = 64;

/// What a product must exceed beside the item's number: to come before the nearest positive for certain (`strict`),
/// perhaps (`loose`), and to enter the list of the nearest (`list`). Infinity: never, minus infinity: always.
struct QueryLimits {
  std::vector<float> strict, loose, list;
};
struct ItemLimits {
  std::vector<float> strict, loose;
};

/// The two parts for one query or item of `square` = |x|^2 in the frame; rounded to the safe side.
float query_strict(float square, double limit, std::int64_t d);
float query_loose(float square, double limit, std::int64_t d);
float item_strict(float square, std::int64_t d);
float item_loose(float square, std::int64_t d);

/// Plain pointers for the loops.
struct RowScan {
  const float* products;      // of the row's query with items 0, 1, ...
  std::int64_t count;         // items
  float strict, loose, list;  // the row's query
  const float *items_strict, *items_loose;
};
struct ColumnScan {
  const float *strict, *loose, *list;  // of the columns as queries
  float item_strict, item_loose;       // of the row as item
  std::int32_t* before;                // added to: items certainly before the column's limit
};

/// How many items certainly come before; marks[c] = 1 for each chunk of kScanChunk items where one may come before or
/// enter the list, else 0.
std::int64_t scan_row(const RowScan& row, unsigned char* marks);
/// The same, and counts for the columns; a chunk is marked for either reason.
std::int64_t scan_row_and_columns(const RowScan& row, const ColumnScan& columns, unsigned char* marks);

}  // namespace fledge
