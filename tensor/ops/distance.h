// Row normalisation and pairwise distances (kernels/api/distance.h has the formulas).
#pragma once
#include "kernels/api/distance.h"
#include "tensor/tensor.h"

namespace fledge {

struct L2NormalizeResult {
  Tensor y;     // R,C
  Tensor norm;  // R, clamped at eps
};
L2NormalizeResult l2_normalize(const Tensor& x, double eps = 1e-12);
Tensor l2_normalize_backward(const Tensor& dy, const L2NormalizeResult& forward, double eps = 1e-12);

/// a: R,C  b: M,C  ->  R,M. Passing the same tensor twice is the "self" case (zero diagonal).
Tensor pairwise_distance(const Tensor& a, const Tensor& b, const PairwiseDistanceParams& params = {});
struct PairwiseDistanceGradients {
  Tensor da, db;  // undefined where not asked for; self: everything is in da
};
PairwiseDistanceGradients pairwise_distance_backward(const Tensor& dd, const Tensor& a, const Tensor& b,
                                                     const Tensor& d, bool need_a, bool need_b,
                                                     const PairwiseDistanceParams& params);

struct PairMaskPair {
  Tensor positive, negative;  // R,M uint8
};
/// Which pairs have the same label. labels: R int64, reference: M int64; first_own: query i is reference first_own + i,
/// a pair that counts as neither; -1: none is.
PairMaskPair pair_masks(const Tensor& labels, const Tensor& reference, std::int64_t first_own);

struct TripletResult {
  Tensor value;     // 0-d
  Tensor counts;    // 3 float64: triplets, of these let through by the miner, of these active
  Tensor gradient;  // R,M: of value with respect to d
};
/// Every triplet of a batch (kernels/api/distance.h has the formulas). d: R,M  positive, negative: R,M uint8
TripletResult all_triplets(const Tensor& d, const Tensor& positive, const Tensor& negative,
                           const TripletParams& params);

/// Products of rows of 16-bit whole numbers, each with a scale (kernels/api/distance.h has the form, and what the
/// numbers must keep to; it is not checked). a: R,P int32  b: M,P int32  scales: R and M  ->  R,M, of the scales' dtype
Tensor quantized_products(const Tensor& a, const Tensor& a_scale, const Tensor& b, const Tensor& b_scale);

struct ScanResult {
  Tensor before;         // R int32
  Tensor marks;          // R,ceil(M / kScanChunk) uint8
  Tensor column_before;  // M int32; undefined where the columns are no queries
};
/// Products compared with limits (kernels/api/distance.h). products: R,M contiguous  queries: 3,R  items: 2,M; where
/// the columns are queries too, column_queries: 3,M and row_items: 2,R. One dtype; limits' rows dense.
ScanResult scan_products(const Tensor& products, const Tensor& queries, const Tensor& items,
                         const Tensor& column_queries = {}, const Tensor& row_items = {});

}  // namespace fledge
