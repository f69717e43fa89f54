// Maps and sets by what a picture is.
#pragma once
#include <cstddef>
#include <unordered_map>
#include <unordered_set>

#include "data/identity/content.h"

namespace fledge {

/// Of a hash, half of it.
struct ContentKey {
  std::size_t operator()(const Content& c) const { return static_cast<std::size_t>(c.low); }
};
template <class T>
using ContentMap = std::unordered_map<Content, T, ContentKey>;
using ContentSet = std::unordered_set<Content, ContentKey>;

}  // namespace fledge
