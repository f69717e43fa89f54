// The nearest of many stored embeddings to a query, exactly, and what the nearest say about its label.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "nn/metrics/frame.h"
#include "tensor/tensor.h"

namespace fledge {

struct Neighbour {
  std::int64_t row;  // of the index
  double distance;   // Euclidean: sqrt(sum_k (q_k - g_k)^2)
  double cosine;     // q.g / (|q| |g|), 0 where one of them has no length
};

struct Candidate;
class NearestOnDevice;

class NearestPictures {
 public:
  /// rows: N,D float32 or float64, finite, on the CPU; kept, not copied. With a device, that one looks first, in strict
  /// float32 (apps/index/nearest_device.h); the answers are the same. Of float64 that float32 cannot hold a shifted
  /// copy in float32 is kept besides, and no device is asked. Errors (Usage): another shape or dtype.
  explicit NearestPictures(const Tensor& rows, Device device = {});
  ~NearestPictures();

  /// For each row of queries (Q,D of the rows' dtype, finite) the min(top, N) nearest rows in the order of their
  /// distance in double, ties by row. Matrix products in float32 of a block of queries and a block of rows, with a
  /// bound on their rounding, say which rows need that distance. Memory: 4 MB of products, Q * top neighbours, 8 bytes
  /// a row. Errors (Usage): shapes that do not fit, top < 1. Stops between blocks on a signal.
  std::vector<std::vector<Neighbour>> search(const Tensor& queries, std::int64_t top) const;

 private:
  using FoundNearest = std::function<void(std::int64_t query, const std::vector<Candidate>& nearest)>;
  void search_block(const Tensor& queries, const std::vector<std::int64_t>& numbers, std::int64_t top,
                    const FoundNearest& keep) const;
  std::vector<Neighbour> described(const Tensor& query, const std::vector<Candidate>& nearest) const;

  Tensor rows_, framed_;  // as given; in float32, where that was float64 shifted by frame_
  Frame frame_;
  std::vector<float> squares_, lengths_;  // |g|^2, |g| of framed_
  std::unique_ptr<NearestOnDevice> on_device_;
};

struct Vote {
  std::string label;               // of most voters, ties: of the nearest of them; empty without voters
  std::int64_t votes = 0, of = 0;  // share: votes / of
};
/// Each neighbour, nearest first, votes for its label; `labels` has one for each row of the index.
Vote vote(const std::vector<Neighbour>& neighbours, const std::vector<std::string>& labels);

}  // namespace fledge
