// NearestList: the nearest of a stream of gallery items to one query, exactly, from rounded distances. Private to
// nn/retrieval/.
#pragma once
#include <cstdint>
#include <vector>

#include "nn/retrieval/bounds.h"
#include "nn/retrieval/exact_neighbors.h"
#include "nn/retrieval/frame.h"

namespace fledge {

class NearestList {
 public:
  /// `query`: row of `queries`, among the rows of `gallery`; both outlive the list. Keeps the `keep` nearest and holds
  /// at most `limit` > keep items, whatever comes. Up to `left_out` rows of the gallery are never offered (the query
  /// itself, its own pictures): so many more copies of one row than are kept must be looked at. `exact` decides the
  /// order.
  void start(const FramedRows& queries, std::int64_t query, const FramedRows& gallery, std::int64_t keep,
             std::int64_t limit, std::int64_t left_out = 1, SquaredDistance exact = &exact_squared_distance);
  /// The product query.item in the frame. Items may come in any order, each once.
  void offer(float product, std::int64_t item);
  /// Gives its memory back and refuses whatever comes.
  void close();

  std::size_t size() const { return items_.size(); }
  /// No item whose lower bound of the distance in the frame exceeds this can be among the nearest.
  float threshold() const { return threshold_; }
  /// The same for products: an item whose product lies below this + item_loose() cannot be.
  float product_limit() const { return product_limit_; }
  /// The r <= keep nearest in exact order.
  std::vector<Neighbor> nearest(std::int64_t r) const;

 private:
  struct Item {
    float low, high;  // bounds of the squared distance in the frame
    std::int32_t row;
  };
  Neighbor exact(std::int32_t row) const;
  float high_of(std::int64_t r) const;
  std::vector<Item> within_bounds(std::int64_t r) const;
  void shrink();

  const FramedRows* queries_ = nullptr;
  const FramedRows* gallery_ = nullptr;
  SquaredDistance exact_ = nullptr;
  std::int32_t query_ = 0, keep_ = 0, limit_ = 0, left_out_ = 1;
  float threshold_ = kNever, product_limit_ = -kNever;
  std::vector<Item> items_;
};

}  // namespace fledge
