#include "apps/index/index_search.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <utility>

#include "nn/retrieval/rows.h"

namespace fledge {
namespace {

constexpr std::int64_t kFoundAtOnce = 1 << 20;  // neighbours of a block of queries

/// Both sides of one dtype, in which every number of theirs is exact.
ComparableRows comparable(const Tensor& queries, const Tensor& index) {
  if (queries.dtype() == index.dtype()) return comparable_rows(queries.contiguous(), index.contiguous());
  return comparable_rows(queries.to(DType::Float64).contiguous(), index.to(DType::Float64).contiguous());
}

/// Numbers of the queries by how many rows beyond `top` they need, in powers of two: few have many own pictures.
std::map<std::int64_t, std::vector<std::size_t>> by_own(const OwnPictures& own, std::size_t queries) {
  std::map<std::int64_t, std::vector<std::size_t>> groups;
  for (std::size_t q = 0; q < queries; ++q)
    groups[own.rows.empty() || own.rows[q].empty() ? 0 : std::bit_ceil(own.rows[q].size())].push_back(q);
  return groups;
}

}  // namespace

bool SearchAnswers::is_own(std::size_t query, std::int64_t row) const {
  return !own.rows.empty() &&
         std::binary_search(own.rows[query].begin(), own.rows[query].end(), static_cast<std::int32_t>(row));
}

SearchAnswers search_index(IndexQuestion question, std::int64_t top, double threshold) {
  const ComparableRows rows = comparable(question.queries, question.index);
  const ExactNeighbors pictures(rows.gallery, question.device);
  const std::int64_t n = rows.gallery.dim(0), wanted = std::min(top, n);
  SearchAnswers answers;
  answers.own = std::move(question.own);
  answers.queries.resize(static_cast<std::size_t>(rows.query.dim(0)));
  const auto answer = [&](std::size_t q, std::vector<FoundPicture> found) {
    Answer& a = answers.queries[q];
    for (FoundPicture& neighbor : found) neighbor.distance /= rows.scale;
    a.nearest = found.front().distance;
    a.nearest_other = std::numeric_limits<double>::infinity();
    a.own_found = answers.own.rows.empty() ? 0 : static_cast<std::int64_t>(answers.own.rows[q].size());
    for (const FoundPicture& neighbor : found) {
      const bool own = answers.is_own(q, neighbor.row);
      if (!own) a.nearest_other = std::min(a.nearest_other, neighbor.distance);
      if (neighbor.distance > threshold) break;
      if (static_cast<std::int64_t>(a.neighbors.size()) < wanted) a.neighbors.push_back(neighbor);
      if (!own && static_cast<std::int64_t>(a.voters.size()) < wanted) a.voters.push_back(neighbor);
    }
  };
  for (const auto& [more, queries] : by_own(answers.own, answers.queries.size())) {
    const std::size_t block = static_cast<std::size_t>(std::max<std::int64_t>(1, kFoundAtOnce / (wanted + more)));
    for (std::size_t begin = 0; begin < queries.size(); begin += block) {
      const std::size_t count = std::min(block, queries.size() - begin);
      const Tensor some = Tensor::empty({static_cast<std::int64_t>(count), rows.query.dim(1)}, rows.query.dtype());
      for (std::size_t i = 0; i < count; ++i)
        some.slice(0, static_cast<std::int64_t>(i), 1)
            .copy_from(rows.query.slice(0, static_cast<std::int64_t>(queries[begin + i]), 1));
      const auto found = pictures.nearest(some, wanted + more);
      for (std::size_t i = 0; i < count; ++i)
        answer(queries[begin + i], described(some, static_cast<std::int64_t>(i), rows.gallery, found[i]));
    }
  }
  return answers;
}

}  // namespace fledge
