// Entries that live in another file than the overlay that lists them.
#pragma once
#include <span>

#include "kernels/api/kernel_table.h"

namespace fledge::cuda {

// eltwise_binary.cu, T: float, bf16
template <class T>
void binary(ExecContext&, BinaryOp, const TensorView& a, const TensorView& b, const TensorView& y);

// copy_transpose.cu: true when the copy was a transpose of a kind it knows, and is done
bool copy_transposed(const TensorView& from, const TensorView& to);

// rows_extreme.cu, top_k.cu
void masked_row_extreme(ExecContext&, bool maximum, const TensorView& x, const TensorView& mask,
                        const TensorView& value, const TensorView& index);
void row_top_k(ExecContext&, bool largest, const TensorView& x, const TensorView& value, const TensorView& index);

// gather.cu: y[r, index[r]] = x[r], everything else 0
void one_per_row(ExecContext&, const TensorView& x, const TensorView& index, const TensorView& y);

// distance_pairs.cu, masks.cu
void pairwise_distance(ExecContext&, const TensorView& a, const TensorView& b, const TensorView& d,
                       const PairwiseDistanceParams&);
void pairwise_distance_backward(ExecContext&, const TensorView& dd, const TensorView& a, const TensorView& b,
                                const TensorView& d, const TensorView* da, const TensorView* db, bool self,
                                const PairwiseDistanceParams&);
void pair_masks(ExecContext&, const TensorView& labels, const TensorView& reference, std::int64_t first_own,
                const TensorView& positive, const TensorView& negative);

// triplets.cu
void all_triplets(ExecContext&, const TensorView& d, const TensorView& positive, const TensorView& negative,
                  const TripletParams&, const TensorView& value, const TensorView& counts, const TensorView& gradient);

// scan.cu
void scan_products(ExecContext&, const TensorView& products, const TensorView& queries, const TensorView& items,
                   const TensorView& before, const TensorView& marks, const ScanColumns* columns);

// quantized.cu
void quantized_products(ExecContext&, const TensorView& a, const TensorView& a_scale, const TensorView& b,
                        const TensorView& b_scale, const TensorView& products);

// optim_norm.cu
void grad_norm(ExecContext&, std::span<const TensorView> grads, const TensorView& norm);

}  // namespace fledge::cuda
