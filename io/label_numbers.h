// Labels that are one number written in two ways (1 and 1.0): one class or two? Lists and tables refuse them.
#pragma once
#include <cstddef>
#include <map>
#include <string>
#include <unordered_set>

namespace fledge {

/// The labels met so far that are plain decimal numbers.
class LabelNumbers {
 public:
  struct Met {
    std::string label;
    std::size_t place;
  };
  /// The label met before that is the same number in another way of writing; nullptr: there is none. `place` is what a
  /// later call is given back.
  const Met* other_spelling(const std::string& label, std::size_t place);

  /// "label '1.0' is the number '1' of WHERE, written in another way", and the way out.
  static std::string problem(const std::string& label, const Met& before, const std::string& where);
  static const char* const kHint;

 private:
  std::unordered_set<std::string> labels_;
  std::map<std::string, Met> first_;  // by number
};

}  // namespace fledge
