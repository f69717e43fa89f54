// The nearest picture of its own class, for every query. Private to nn/metrics/.
#pragma once
#include <cstdint>
#include <vector>

#include "nn/metrics/left_out.h"
#include "nn/metrics/nearest.h"

namespace fledge {

/// For each query the first item of its class in the gallery's exact order, without those that are left out; index -1
/// where there is none. Large classes are preselected in float32, block x block products at a time.
std::vector<ExactItem> nearest_positives(const FramedRows& query, const std::vector<std::int64_t>& query_labels,
                                         const FramedRows& gallery, const std::vector<std::int64_t>& gallery_labels,
                                         const LeftOut& left_out, std::int64_t block);

}  // namespace fledge
