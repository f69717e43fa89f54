// The nearest of many stored embeddings to a query, as they are shown, and what they say about its label.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "nn/retrieval/exact_neighbors.h"

namespace fledge {

struct FoundPicture {
  std::int64_t row;  // of the index
  double distance;   // Euclidean: sqrt(sum_k (q_k - g_k)^2)
  double cosine;     // q.g / (|q| |g|), 0 where one of them has no length
};
/// The nearest rows (of query `query`) with their cosines. queries, rows: contiguous, of one dtype.
std::vector<FoundPicture> described(const Tensor& queries, std::int64_t query, const Tensor& rows,
                                    const std::vector<Neighbor>& nearest);

struct Vote {
  std::string label;               // of most voters, ties: of the nearest of them; empty without voters
  std::int64_t votes = 0, of = 0;  // share: votes / of
};
/// Each neighbour, nearest first, votes for its label; `labels` has one for each row of the index.
Vote vote(const std::vector<FoundPicture>& neighbors, const std::vector<std::string>& labels);

}  // namespace fledge
