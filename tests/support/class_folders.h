// Pictures to learn from, made for a test.
#pragma once
#include <string>

namespace fledge::test {

/// `classes` folders class0, class1, ... of `per_class` PNGs: a pattern of the class's own colour and frequency,
/// shifted and noisy.
void make_pictures(const std::string& folder, int classes, int per_class, int side, unsigned seed = 0);

}  // namespace fledge::test
