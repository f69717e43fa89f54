// The nearest of many stored embeddings to a query, exactly, and what the nearest say about its label.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace fledge {

struct Neighbour {
  std::int64_t row;  // of the index
  double distance;   // Euclidean: sqrt(sum_k (q_k - g_k)^2)
  double cosine;     // q.g / (|q| |g|), 0 where one of them has no length
};

class NearestPictures {
 public:
  /// rows: N,D float32, finite; kept, not copied. Errors (Usage): another shape or dtype.
  explicit NearestPictures(const Tensor& rows);

  /// For each row of queries (Q,D float32, finite) the min(top, N) nearest rows in the order of their distance in
  /// double, ties by row. Matrix products in float32 of a block of queries and a block of rows, with a bound on their
  /// rounding, say which rows need that distance. Memory: 4 MB of products, Q * top neighbours, 8 bytes a row.
  /// Errors (Usage): shapes that do not fit, top < 1. Stops between blocks on a signal.
  std::vector<std::vector<Neighbour>> search(const Tensor& queries, std::int64_t top) const;

 private:
  Tensor rows_;
  std::vector<float> squares_, lengths_;  // |g|^2, |g|
};

struct Vote {
  std::string label;               // of most voters, ties: of the nearest of them; empty without voters
  std::int64_t votes = 0, of = 0;  // share: votes / of
};
/// Each neighbour, nearest first, votes for its label; `labels` has one for each row of the index.
Vote vote(const std::vector<Neighbour>& neighbours, const std::vector<std::string>& labels);

}  // namespace fledge
