// Where the relevant pictures stand in each query's exact order. Private to nn/metrics/.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "nn/metrics/left_out.h"
#include "nn/metrics/metric_table.h"
#include "tensor/tensor.h"

namespace fledge {

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
/// nn/metrics/README.md; memory as said there.
void rank_queries(const RankingInput& input, const PutRanking& put);

}  // namespace fledge
