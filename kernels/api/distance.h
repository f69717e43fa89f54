// Row normalisation and pairwise distances, each as one kernel with a closed-form backward.
#pragma once
#include "kernels/api/exec_context.h"
#include "kernels/api/tensor_view.h"

namespace fledge {

struct PairwiseDistanceParams {
  bool squared = false;
  double clamp = 1e-12;       // squared distances are clamped from below to this before the root (Yu et al. 2019, code)
  bool zero_diagonal = true;  // only when both sides are one matrix: D_ii = 0 exactly, with gradient 0
};

/// y[r,:] = x[r,:] / norm[r],  norm[r] = max(||x[r,:]||_2, eps).   x, y: R,C  norm: R (saved for backward)
using L2NormalizeForward = void (*)(ExecContext&, const TensorView& x, const TensorView& y, const TensorView& norm,
                                    double eps);
/// dx = (dy - y * sum(y*dy)) / norm (where norm > eps; dy / eps otherwise).
using L2NormalizeBackward = void (*)(ExecContext&, const TensorView& dy, const TensorView& y, const TensorView& norm,
                                     const TensorView& dx, double eps);
/// d[i,j] = sqrt(max(|a_i|^2 + |b_j|^2 - 2 a_i.b_j, clamp)), or the square without root (then clamped at 0).
/// a: R,C  b: M,C (may be a)  d: R,M
/// Sums are accumulated in the compute dtype or wider.
using PairwiseDistanceForward = void (*)(ExecContext&, const TensorView& a, const TensorView& b, const TensorView& d,
                                         const PairwiseDistanceParams&);
/// Gradient through a and b; db null when b is constant. When a and b are the same tensor (self), da receives both
/// parts and db is null. Where the distance was clamped (and on a zero diagonal) the gradient is 0.
using PairwiseDistanceBackward = void (*)(ExecContext&, const TensorView& dd, const TensorView& a, const TensorView& b,
                                          const TensorView& d, const TensorView* da, const TensorView* db, bool self,
                                          const PairwiseDistanceParams&);

/// positive[i,j] = labels[i] == reference[j], negative[i,j] = labels[i] != reference[j], as 0 or 1. With first_own >= 0
/// query i is reference first_own + i: that pair is neither.
/// labels: R int64  reference: M int64  positive, negative: R,M uint8; all contiguous
using PairMasks = void (*)(ExecContext&, const TensorView& labels, const TensorView& reference, std::int64_t first_own,
                           const TensorView& positive, const TensorView& negative);

/// Every triplet (a, p, n) of a batch, p a positive and n a negative of a, whose gap D_an - D_ap lies in (above, upto]:
///   z = D_ap - D_an + margin, h = max(0, z), active: z > 0, value = sum h / active triplets      hinge
///   z = D_ap - D_an, h = log(1 + e^z), active: z > 0, value = sum h / triplets let through        soft
/// The count is a constant for the gradient; without any triplet value and gradient are 0.
struct TripletParams {
  double margin = 0.2;
  bool soft = false;
  double above = -1e300, upto = 1e300;  // cut to the range of the compute dtype
};
/// d: R,M  positive, negative: R,M uint8  value: 1  counts: 3 float64: triplets, of these let through, of these active
/// gradient: R,M, of value with respect to d. All contiguous.
using AllTriplets = void (*)(ExecContext&, const TensorView& d, const TensorView& positive, const TensorView& negative,
                             const TripletParams&, const TensorView& value, const TensorView& counts,
                             const TensorView& gradient);

// The loop of an exact search (nn/retrieval): products of queries with items, compared with limits.
//   certain: p[i,j] > strict_i + strict'_j   possible: p[i,j] >= loose_i + loose'_j   near: p[i,j] >= list_i + loose'_j
//   before[i] = number of certain items
//   marks[i,c] = kScanRow where chunk c holds an item that is possible and not certain, or near; else 0
// queries: 3,R (strict, loose, list)  items: 2,M (strict', loose')  products: R,M  before: R int32
// marks: R,ceil(M / kScanChunk) uint8. Where the columns are queries too, and the rows their items, kScanColumn is
// added for their sake. queries and items may have any stride between their rows, all else is contiguous.
inline constexpr std::int64_t kScanChunk = 64;
inline constexpr std::uint8_t kScanRow = 1, kScanColumn = 2;
struct ScanColumns {
  TensorView queries, items, before;  // 3,M  2,R  M int32
};
using ScanProducts = void (*)(ExecContext&, const TensorView& products, const TensorView& queries,
                              const TensorView& items, const TensorView& before, const TensorView& marks,
                              const ScanColumns* columns);

// Products of rows of 16-bit whole numbers: twice as many in an instruction as of float32, and their sums are exact.
//   products[i,j] = sum_k a_ik b_jk * scale_i * scale'_j
// The sum as a float, then one multiplication after the other: the same bits in every table. a: R,P int32  b: M,P
// int32, each element two numbers: of column 2p in the low half, of column 2p + 1 in the high half. a_scale: R
// b_scale: M products: R,M. All contiguous. No number may be -2^15, and sum_k |a_ik b_jk| must be less than 2^31; rows
// with a Euclidean norm of less than 2^15.5 keep to that.
using QuantizedProducts = void (*)(ExecContext&, const TensorView& a, const TensorView& a_scale, const TensorView& b,
                                   const TensorView& b_scale, const TensorView& products);

struct DistanceKernels {
  L2NormalizeForward l2_normalize{};
  L2NormalizeBackward l2_normalize_backward{};
  PairwiseDistanceForward pairwise_distance{};
  PairwiseDistanceBackward pairwise_distance_backward{};
  PairMasks pair_masks{};
  AllTriplets all_triplets{};
  ScanProducts scan_products{};
  QuantizedProducts quantized_products{};
};

}  // namespace fledge
