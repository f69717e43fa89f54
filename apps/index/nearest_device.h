// The nearest rows by a device: it makes all products in strict float32 and picks a few more than are wanted of each
// query; the host measures those in double, and a bound on float32's rounding proves that no other row can be among
// them. Queries for which the bound proves nothing (very many rows at nearly one distance) are handed back.
#pragma once
#include <functional>
#include <vector>

#include "tensor/tensor.h"

namespace fledge {

struct Candidate {
  double square;  // of the distance
  std::int64_t row;
  bool operator<(const Candidate& o) const { return square < o.square || (square == o.square && row < o.row); }
};

class NearestOnDevice {
 public:
  /// rows: N,D float32 on the CPU, with |g|^2 and |g| of each; rows must outlive this.
  NearestOnDevice(const Tensor& rows, const std::vector<float>& squares, const std::vector<float>& lengths,
                  Device device);
  /// Gives `keep` the `top` nearest of every query it can prove, in order. Returns the numbers of the others.
  /// queries: Q,D float32 contiguous on the CPU; top <= N. Device memory: 256 MB of products at most.
  std::vector<std::int64_t> search(
      const Tensor& queries, std::int64_t top,
      const std::function<void(std::int64_t query, const std::vector<Candidate>& nearest)>& keep) const;

 private:
  Tensor rows_, rows_there_, squares_there_;
  Device device_;
  float longest_ = 0;
};

}  // namespace fledge
