// Where the relevant pictures stand in each query's exact order. Private to nn/metrics/.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "nn/metrics/left_out.h"
#include "tensor/tensor.h"

namespace fledge {

struct QueryScore {
  std::int64_t relevant =
      0;  // gallery pictures of the query's class without those left out; the rest is 0 when there is none
  std::int64_t before = 0;  // gallery pictures before the first relevant one
  double average_precision = 0, r_precision = 0;
};

struct RankingInput {
  // Contiguous, both float32 or both float64; one and the same memory: only half of the products are made.
  Tensor query, gallery;
  const std::vector<std::int64_t>&query_labels, &gallery_labels;
  const LeftOut& left_out;
  std::int64_t block;
  const std::function<void(std::int64_t, std::int64_t)>& progress;
};

/// One score per query. Exact in the sense of nn/metrics/README.md; memory as said there.
std::vector<QueryScore> rank_queries(const RankingInput& input);

}  // namespace fledge
