// The contents of a data set's pictures, as tables hold them.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "data/identity/content.h"
#include "train/evaluation/evaluate.h"

namespace fledge {

/// Fills e.contents of rows that embed_dataset made of this data set.
void identify(Embeddings& e, Contents& contents, int threads);
/// Of these pictures of the data set, as in a table (io/table.h), found out in the calling thread and `threads` more.
std::vector<std::string> contents_of(Contents& contents, const std::vector<std::int64_t>& pictures, int threads);

}  // namespace fledge
