// The nearest rows by a device: it makes all products in strict float32 and picks a few more than are wanted of each
// query; the host measures those in double, and a bound on float32's rounding proves that no other row can be among
// them. Queries for which the bound proves nothing (very many rows at nearly one distance) are handed back. Private to
// nn/retrieval/.
#pragma once
#include <cstdint>
#include <vector>

#include "nn/retrieval/exact_neighbors.h"

namespace fledge {

class DeviceNeighbors {
 public:
  /// gallery: float32 that is compared as it is (in_frame with no frame); must outlive this.
  DeviceNeighbors(const FramedRows& gallery, Device device);
  /// Gives found[q] the k nearest of every query it can prove, in order. Returns the numbers of the others. queries: of
  /// the gallery's form; k <= N. Device memory: 256 MB of products at most.
  std::vector<std::int64_t> nearest(const FramedRows& queries, std::int64_t k,
                                    std::vector<std::vector<Neighbor>>& found) const;

 private:
  const FramedRows& gallery_;
  Tensor rows_there_, squares_there_;
  Device device_;
  float largest_ = 0;  // |g|^2
};

}  // namespace fledge
