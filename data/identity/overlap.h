// Pictures that are in two data sets: test pictures that were trained on flatter.
#pragma once
#include <cstdint>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "data/identity/content.h"

namespace fledge {

struct Overlap {
  std::int64_t count = 0, of = 0;                          // pictures of the first set that are in the second; its size
  std::vector<std::pair<std::string, std::string>> first;  // names in the first and in the second set, five at most
};

/// Bytes of each picture's file; -1: there is no such file, -2: the picture lies in no file of its own.
std::vector<std::int64_t> file_sizes(const Dataset& dataset);
/// The pictures whose file is there and has one of these sizes: only they need to be read to find equal ones.
std::vector<std::int64_t> with_size_in(const std::vector<std::int64_t>& sizes,
                                       const std::unordered_set<std::int64_t>& others);
/// Is it a pack that knows what its pictures were made of? Of those files no size is known.
bool knows_origins(const Dataset& dataset);

/// The pictures of `a` that are in `b` too: the same file, or another one with the same bytes. Of files only those are
/// read whose size is also found in the other set, in the calling thread and `threads` more. Pictures in files are not
/// compared with those of packs and IDX files, which are known by their pixels.
Overlap find_overlap(Contents& a, Contents& b, int threads);

/// "3 of the 40 test pictures are training pictures too ('t/1.jpg' = 'c0/1.jpg', ...)", names made harmless for a
/// terminal; "" where there are none.
std::string overlap_text(const Overlap& overlap, const std::string& a = "test", const std::string& b = "training");

}  // namespace fledge
