// A search in stored embeddings: the nearest pictures of each query, and those that may vote for its label.
#pragma once
#include <vector>

#include "apps/index/nearest_pictures.h"
#include "apps/index/own_pictures.h"

namespace fledge {

struct IndexQuestion {
  Tensor queries, index;  // Q,D and N,D, each float32 or float64
  OwnPictures own;        // of the queries in the index
  Device device;
};

struct Answer {
  std::vector<FoundPicture> neighbors;  // the nearest pictures within the threshold, the query's own among them
  std::vector<FoundPicture> voters;     // the nearest others within the threshold
  double nearest = 0;                   // distance of the nearest picture, within the threshold or not
  double nearest_other = 0;             // of the nearest that is not the query's own; infinity: there is none
  std::int64_t own_found = 0;           // own pictures in the index
};

struct SearchAnswers {
  std::vector<Answer> queries;
  OwnPictures own;
  bool is_own(std::size_t query, std::int64_t row) const;
};

/// At most `top` neighbours and `top` voters a query, exactly: in double of the numbers as given.
SearchAnswers search_index(IndexQuestion question, std::int64_t top, double threshold);

}  // namespace fledge
