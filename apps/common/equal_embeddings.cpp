#include "apps/common/equal_embeddings.h"

#include "data/content_map.h"
#include "data/datasets/annotated.h"

namespace fledge {
namespace {

/// A hash of each row's bytes.
std::vector<Content> rows_of(const Tensor& t) {
  const Tensor dense = t.contiguous();
  const std::size_t bytes = static_cast<std::size_t>(dense.dim(1)) * size_of(dense.dtype());
  const char* at = static_cast<const char*>(dense.raw());
  std::vector<Content> rows(static_cast<std::size_t>(dense.dim(0)));
  for (Content& row : rows) row = content_of(at, bytes), at += bytes;
  return rows;
}

}  // namespace

EqualEmbeddings equal_embeddings(const Tensor& query, const Tensor& gallery, bool same_pictures,
                                 const std::vector<std::vector<std::int32_t>>& left_out) {
  const std::vector<Content> queries = rows_of(query), others = rows_of(gallery);
  ContentMap<std::int64_t> count;
  for (const Content& row : others) ++count[row];
  EqualEmbeddings found;
  found.of = query.dim(0);
  for (std::size_t q = 0; q < queries.size(); ++q) {
    const auto at = count.find(queries[q]);
    if (at == count.end()) continue;
    std::int64_t equal = at->second;
    if (same_pictures && others[q] == queries[q]) --equal;
    if (!left_out.empty())
      for (const std::int32_t row : left_out[q]) equal -= others[static_cast<std::size_t>(row)] == queries[q];
    found.queries += equal > 0;
  }
  found.all = queries.size() > 1 && ContentSet(queries.begin(), queries.end()).size() == 1;
  return found;
}

std::string EqualEmbeddings::text() const {
  if (all)
    return "all " + with_thousands(of) + " embeddings are equal: the figures show the order of the pictures only";
  if (queries == 0) return "";
  return with_thousands(queries) + (queries == 1 ? " query has" : " queries have") +
         " an equal embedding in the gallery: of a picture that is not known to be theirs, or that the model cannot "
         "tell apart";
}

}  // namespace fledge
