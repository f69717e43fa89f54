// Multi-similarity loss with its own choice of pairs (Wang et al. 2019, "Multi-Similarity Loss with General Pair
// Weighting for Deep Metric Learning").
#pragma once
#include "nn/losses/loss.h"
#include "nn/losses/pairs/pair_batch.h"

namespace fledge {

struct MultiSimilarityOptions {
  double alpha = 2, beta = 50, lambda = 0.5;
  bool miner = true;
  double epsilon = 0.1;  // of the miner
};

/// s: cosines. Mean over all n queries of (1/alpha) log(1 + sum_P e^{-alpha (s - lambda)}) + (1/beta) log(1 + sum_N
/// e^{beta (s - lambda)}) (eq. 15). The miner keeps a positive with s - epsilon < the query's largest negative cosine,
/// and a negative with s + epsilon > its smallest positive one (eq. 11, 12); none for queries that lack either. Without
/// it every pair is kept. A query with nothing kept adds 0. numbers: active (share of queries with a pair kept),
/// mean_positive, mean_negative (distances of all pairs, of the rows at unit length).
LossOutput multi_similarity(const PairBatch& batch, const MultiSimilarityOptions& options = {});

}  // namespace fledge
