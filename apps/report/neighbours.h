// Which queries are shown, and what each run finds for them.
#pragma once
#include <cstdint>
#include <vector>

#include "nn/retrieval/exact_neighbors.h"
#include "train/evaluation/evaluate.h"

namespace fledge::report {

/// The `count` nearest rows to row `query`, itself left out, in the order in which Recall@K counts them.
std::vector<Neighbor> nearest_to(const ExactNeighbors& rows, const Embeddings& embeddings, std::int64_t query,
                                 std::int64_t count);

struct QueryChoice {
  std::int64_t count = 6;
  std::uint64_t seed = 0;
};
/// Rows in a seeded order, each class once as long as there are classes: one half whose nearest picture is of their own
/// class, one half whose is not, as far as the first 1,000 rows of that order hold so many; then whatever follows.
/// Rows without another picture of their class are never chosen. Sorted: right and wrong in turns.
std::vector<std::int64_t> choose_queries(const ExactNeighbors& rows, const Embeddings& embeddings,
                                         const QueryChoice& choice);

}  // namespace fledge::report
