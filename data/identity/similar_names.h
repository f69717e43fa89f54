// Class names that a reader would take for one: they differ only by case, by how an accent is encoded (macOS writes e
// and U+0301, Linux writes U+00E9), by blanks, quotes or invisible characters. They stay different classes, but never
// in silence. Words that stand for a missing value are named too.
#pragma once
#include <string>
#include <vector>

namespace fledge {

/// "" or one line's text: "classes 'Cat' and 'cat' look alike (...), and are taken as two (3 more such pairs)".
/// `names` may hold a name several times. Text beyond ASCII is shown as \xNN, as it looks alike.
std::string similar_names(const std::vector<std::string>& names);

}  // namespace fledge
