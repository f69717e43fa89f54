// The nearest of many rows to a query, exactly.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "nn/retrieval/frame.h"
#include "tensor/tensor.h"

namespace fledge {

/// Order: by distance, ties by row.
struct Neighbor {
  double square = 0;  // of the distance: sum_k (q_k - g_k)^2 in double of the numbers as given
  std::int32_t row = -1;
  bool operator<(const Neighbor& o) const { return square < o.square || (square == o.square && row < o.row); }
};

class DeviceNeighbors;

class ExactNeighbors {
 public:
  /// gallery: N,D float32 or float64, finite, on the CPU; kept, not copied where float32 holds its squares. With a
  /// device, that one looks first, in strict float32 (device_neighbors.h); the answers are the same. Of float64, and of
  /// numbers near the ends of float32, a shifted and scaled copy is kept besides, and no device is asked. Memory: 12
  /// bytes a row. Errors (Usage): another shape or dtype.
  explicit ExactNeighbors(const Tensor& gallery, Device device = {});
  ~ExactNeighbors();

  /// For each row of queries (Q,D of the gallery's dtype, finite) the min(k, N) nearest rows in order; squares are to
  /// the last digit those of a plain loop. Matrix products in float32 of a block of queries and a block of rows, with a
  /// bound on their rounding (bounds.h), say which rows need that distance. Memory: 4 MB of products and, for each of
  /// 256 queries, 12 * (2 k + 256) bytes. Errors (Usage): shapes that do not fit, k < 1. Stops between blocks on a
  /// signal.
  std::vector<std::vector<Neighbor>> nearest(const Tensor& queries, std::int64_t k) const;

 private:
  ExactNeighbors(const Tensor& gallery, const Frame& frame);
  void set_items();
  void search_block(const FramedRows& queries, const std::vector<std::int64_t>& numbers, std::int64_t k,
                    std::vector<std::vector<Neighbor>>& found) const;

  Frame frame_;
  FramedRows gallery_;
  Tensor items_;  // 2,N: limits for scan_products
  std::unique_ptr<DeviceNeighbors> on_device_;
};

/// All at once, for one use of the gallery.
inline std::vector<std::vector<Neighbor>> exact_neighbors(const Tensor& queries, const Tensor& gallery, std::int64_t k,
                                                          Device device = {}) {
  return ExactNeighbors(gallery, device).nearest(queries, k);
}

}  // namespace fledge
