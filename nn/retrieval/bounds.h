// How far a comparison of rows in float32 may be wrong, and the limits that follow for products. One bound for every
// exact search: eval, search, report, metrics and k-means.
//
// Gallery item g comes before query q's limit t (a squared distance in the frame) for certain when
//   |q|^2 + |g|^2 - 2p + slack < t,   that is   p > [(|q|^2 (1 + s) - t) / 2] + [|g|^2 (1 + s) / 2],
// and may come before it when the same holds with 1 - s: a sum of a number of the query's and one of the item's, so a
// comparison is one addition and one compare (scan_products, kernels/api/distance.h).
#pragma once
#include <cstdint>
#include <limits>

namespace fledge {

/// As a limit: above every product.
constexpr float kNever = std::numeric_limits<float>::infinity();

/// The true squared distance in the frame lies within distance_slack(d) * (|q|^2 + |g|^2) + underflow_slack(d) of
/// |q|^2 + |g|^2 - 2 q.g computed in float32 in any order of summation: D/2 roundings of products bounded by
/// (|q| + |g|)^2 / 4 <= (|q|^2 + |g|^2) / 2, twice, and a few for the shift and the three-term sum.
float distance_slack(std::int64_t d);
/// For products too small for float32, twice each.
float underflow_slack(std::int64_t d);

/// The two parts for one query or item of `square` = |x|^2 in the frame; rounded to the safe side. A query's `limit`
/// may be infinite: everything comes before it.
float query_strict(float square, double limit, std::int64_t d);
float query_loose(float square, double limit, std::int64_t d);
float item_strict(float square, std::int64_t d);
float item_loose(float square, std::int64_t d);

}  // namespace fledge
