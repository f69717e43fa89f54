// The nearest picture of its own class, for every query. Private to nn/retrieval/.
#pragma once
#include <cstdint>
#include <vector>

#include "nn/retrieval/exact_neighbors.h"
#include "nn/retrieval/frame.h"
#include "nn/retrieval/left_out.h"

namespace fledge {

/// For each query the first item of its class in the gallery's exact order, without those that are left out; row -1
/// where there is none. Large classes are preselected in float32, block x block products at a time.
std::vector<Neighbor> nearest_positives(const FramedRows& query, const std::vector<std::int64_t>& query_labels,
                                        const FramedRows& gallery, const std::vector<std::int64_t>& gallery_labels,
                                        const LeftOut& left_out, std::int64_t block);

}  // namespace fledge
