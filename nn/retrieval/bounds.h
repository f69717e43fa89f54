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

/// How far the squared distance from a product may be wrong: share * (|q|^2 + |g|^2) + least.
struct Slack {
  float share = 0, least = 0;
};
/// Of products in float32.
Slack float32_slack(std::int64_t d);
/// Of products of quantized rows (quantized_rows.h), each of which lies within error * |x| of the row x. With q = a + r
/// and g = b + t, where a.b is exact and |r| <= e |q|, |t| <= e |g|,
///   |q.g - a.b| = |q.t + r.b| <= e |q| |g| + e |q| (1 + e) |g| = (2 e + e^2) |q| |g|,
/// and |q| |g| <= (|q|^2 + |g|^2) / 2, twice. Three roundings (the sum to float32, two scales) and the shift as above.
Slack quantized_slack(std::int64_t d, double error);

/// The two parts for one query or item of `square` = |x|^2 in the frame; rounded to the safe side. A query's `limit`
/// may be infinite: everything comes before it.
float query_strict(float square, double limit, const Slack& slack);
float query_loose(float square, double limit, const Slack& slack);
float item_strict(float square, const Slack& slack);
float item_loose(float square, const Slack& slack);

}  // namespace fledge
