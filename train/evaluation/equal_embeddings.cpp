#include "train/evaluation/equal_embeddings.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <sstream>

#include "data/datasets/annotated.h"
#include "data/identity/content_map.h"

namespace fledge {
namespace {

/// -0 and 0 are one number.
template <class T>
Tensor with_one_zero(const Tensor& t) {
  const Tensor copy = t.clone().contiguous();
  T* v = copy.data<T>();
  for (std::int64_t i = 0; i < copy.numel(); ++i) v[i] += T{0};
  return copy;
}

/// Do all rows differ by less than `part` of what they have in common? Either each coordinate by itself, or, of rows of
/// unit length, the whole: rounding there is that of their length.
struct Likeness {
  double spread = 0;  // the largest distance from the mean, beside the mean's length
  bool each = true, unit = true;
};

Likeness likeness(const std::vector<Tensor>& sides, double part) {
  const std::int64_t d = sides[0].dim(1);
  std::int64_t n = 0;
  for (const Tensor& t : sides) n += t.dim(0);
  std::vector<double> mean(static_cast<std::size_t>(d), 0.0);
  for (const Tensor& t : sides)
    for (std::int64_t i = 0; i < t.numel(); ++i) mean[i % d] += t.data<float>()[i] / static_cast<double>(n);
  double length = 0, most = 0;
  for (const double m : mean) length += m * m;
  Likeness found;
  for (const Tensor& t : sides)
    for (std::int64_t i = 0; i < t.dim(0); ++i) {
      const float* row = t.data<float>() + i * d;
      double distance = 0, own = 0;
      for (std::int64_t k = 0; k < d; ++k) {
        const double off = std::abs(row[k] - mean[k]);
        found.each &= off <= part * std::abs(mean[k]);
        distance += off * off;
        own += static_cast<double>(row[k]) * row[k];
      }
      found.unit &= std::abs(std::sqrt(own) - 1) < 1e-3;
      most = std::max(most, distance);
    }
  found.spread = length > 0 ? std::sqrt(most / length) : most > 0 ? HUGE_VAL : 0;
  return found;
}

/// A hash of each row's bytes.
std::vector<Content> rows_of(const Tensor& t) {
  const Tensor dense = t.dtype() == DType::Float32 ? with_one_zero<float>(t) : with_one_zero<double>(t);
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
  ContentSet distinct(queries.begin(), queries.end());
  distinct.insert(others.begin(), others.end());
  found.all = queries.size() > 1 && distinct.size() == 1;
  found.spread = collapsed_spread(query, query.raw() == gallery.raw() ? Tensor() : gallery);
  return found;
}

std::optional<double> collapsed_spread(const Tensor& rows, const Tensor& others) {
  constexpr double kRounding = 1e-6;  // some sixteen times that of one float32 number
  std::vector<Tensor> sides;
  for (const Tensor& side : {rows, others})
    if (side.defined()) sides.push_back(side.contiguous());
  if (rows.dtype() != DType::Float32 || rows.dim(0) + (others.defined() ? others.dim(0) : 0) < 2) return std::nullopt;
  const Likeness found = likeness(sides, kRounding);
  return found.spread < kRounding && (found.each || found.unit) ? std::optional(found.spread) : std::nullopt;
}

std::string collapsed_text(double spread) {
  std::ostringstream text;
  text << "all embeddings are the same but for rounding (they differ by " << std::setprecision(1) << spread
       << " of their length): the model tells no two pictures apart, and the figures mean nothing";
  return text.str();
}

std::string EqualEmbeddings::text() const {
  if (all)
    return "all " + with_thousands(of) + " embeddings are equal: the figures show the order of the pictures only";
  if (spread) return collapsed_text(*spread);
  if (queries == 0) return "";
  return with_thousands(queries) + (queries == 1 ? " query has" : " queries have") +
         " an equal embedding in the gallery: of a picture that is not known to be theirs, or that the model cannot "
         "tell apart";
}

}  // namespace fledge
