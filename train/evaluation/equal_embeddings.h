// Queries that find a row equal to their own, bit for bit: a copy of their picture whose content nobody knows, or a
// model that tells pictures not apart. Both flatter or mock the figures, and neither shows in them.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace fledge {

struct EqualEmbeddings {
  std::int64_t queries = 0;           // those with an equal row in the gallery, beside what they leave out
  bool all = false;                   // every row, of the gallery too, is the same one
  std::optional<double> spread = {};  // collapsed_spread() of both
  std::int64_t of = 0;                // queries

  /// Do the figures mean nothing?
  bool collapsed() const { return all || spread; }
  /// "" or a line's text.
  std::string text() const;
};

/// N,D and M,D of one dtype. `same_pictures`: row i of the gallery is query i's own and not counted; `left_out`: for
/// each query further rows of the gallery that are not, or nothing at all.
EqualEmbeddings equal_embeddings(const Tensor& query, const Tensor& gallery, bool same_pictures,
                                 const std::vector<std::vector<std::int32_t>>& left_out);

/// How far float32 rows, N,D (and M,D others), lie from their mean at most, beside the mean's length, where that is no
/// more than rounding makes, coordinate by coordinate or of rows of unit length as a whole; else nothing.
/// float64 rows may hold such differences exactly.
std::optional<double> collapsed_spread(const Tensor& rows, const Tensor& others = {});
/// A warning's text about it.
std::string collapsed_text(double spread);

}  // namespace fledge
