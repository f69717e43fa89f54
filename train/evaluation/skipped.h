// Pictures that could not be read and were left out or replaced (--on-bad-image skip): how people and files are told.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace fledge {

/// What was left out of one pass over a set of pictures, in the order of the set.
struct SkippedPictures {
  std::vector<std::string> names, reasons;
  std::int64_t of = 0;  // pictures of the set

  std::int64_t count() const { return static_cast<std::int64_t>(names.size()); }
  void add(std::string name, std::string reason);
};

/// Sets KEY (how many) and KEY_pictures (their names, the first 100).
template <class Json>
void add_skipped(Json& j, const char* key, const std::vector<std::string>& names) {
  constexpr std::size_t kNamed = 100;
  j[key] = names.size();
  Json list = Json::array();
  for (std::size_t i = 0; i < names.size() && i < kNamed; ++i) list.push_back(names[i]);
  j[std::string(key) + "_pictures"] = std::move(list);
}

/// For people: "warning: 1 of 24 test pictures left out: ..." and the reasons of the first ten, in lines;
/// "" where there are none.
std::string skipped_text(const std::string& what, const SkippedPictures& skipped);

}  // namespace fledge
