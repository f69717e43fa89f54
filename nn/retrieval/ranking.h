// Where the relevant pictures stand in each query's exact order.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "nn/retrieval/left_out.h"
#include "tensor/tensor.h"

namespace fledge {

/// Where the relevant gallery pictures stand in one query's exact order.
struct QueryRanking {
  std::int64_t relevant = 0;         // R: pictures of the query's class, without those that are left out
  std::int64_t before = 0;           // pictures in front of the first relevant one
  std::vector<std::int64_t> places;  // of the relevant ones among the R nearest, counted from 1, rising
};

struct RankingInput {
  // Contiguous, both float32 or both float64; one and the same memory: only half of the products are made.
  Tensor query, gallery;
  const std::vector<std::int64_t>&query_labels, &gallery_labels;
  const LeftOut& left_out;
  std::int64_t block;
  const std::function<void(std::int64_t, std::int64_t)>& progress;
};

using PutRanking = std::function<void(std::int64_t query, const QueryRanking& ranking)>;
/// Calls `put` once for each query that has a relevant picture, from several threads at once. Exact in the sense of
/// nn/retrieval/README.md; memory as said there.
void rank_queries(const RankingInput& input, const PutRanking& put);

}  // namespace fledge
