#include "data/identity/similar_names.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>

namespace fledge {
namespace {

/// What is left of a name that is read quickly: Unicode's NFKC_Casefold without control characters, then without blanks
/// and quotes at its ends. The bytes themselves where they are no UTF-8.
std::string gist(const std::string& name) {
  utf8proc_uint8_t* mapped = nullptr;
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_COMPOSE |
                                                      UTF8PROC_CASEFOLD | UTF8PROC_IGNORE | UTF8PROC_STRIPCC);
  const auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(name.data()),
                                 static_cast<utf8proc_ssize_t>(name.size()), &mapped, options);
  const std::unique_ptr<utf8proc_uint8_t, void (*)(void*)> owner(mapped, &std::free);
  if (size < 0) return name;
  std::string text(reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(size));
  constexpr const char* kEnds = " \"'";
  const std::size_t first = text.find_first_not_of(kEnds);
  if (first == std::string::npos) return name;
  return text.substr(first, text.find_last_not_of(kEnds) + 1 - first);
}

bool stands_for_missing(const std::string& gist) {
  static constexpr std::array kWords = {"nan", "na", "n/a", "none", "null", "-1", "?"};
  return std::find(kWords.begin(), kWords.end(), gist) != kWords.end();
}

/// In quotes, all but printable ASCII as \xNN.
std::string quoted_bytes(const std::string& name) {
  std::string text = "'";
  for (const char c : name) {
    char hex[8];
    std::snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned char>(c));
    text += c >= ' ' && c <= '~' ? std::string(1, c) : hex;
  }
  return text + "'";
}

std::string and_more(std::size_t count, const char* what) {
  return count > 1 ? " (" + std::to_string(count - 1) + " more such " + what + (count > 2 ? "s)" : ")") : "";
}

}  // namespace

std::string similar_names(const std::vector<std::string>& names) {
  const std::set<std::string> distinct(names.begin(), names.end());
  std::map<std::string, const std::string*> first;
  std::size_t pairs = 0, missing = 0;
  std::string pair, word;
  for (const std::string& name : distinct) {
    const std::string key = gist(name);
    if (const auto [met, added] = first.emplace(key, &name); !added && pairs++ == 0)
      pair = quoted_bytes(*met->second) + " and " + quoted_bytes(name);
    if (stands_for_missing(key) && distinct.size() > 1 && missing++ == 0) word = quoted_bytes(name);
  }
  std::string text;
  if (pairs)
    text = "classes " + pair +
           " look alike (they differ by case, by forms of Unicode, blanks, quotes or invisible characters " +
           "only), and are taken as two" + and_more(pairs, "pair");
  if (missing)
    text += (text.empty() ? "" : "; ") + ("the name " + word) +
            ", which often stands for a missing value, is taken as a class" + and_more(missing, "name");
  return text;
}

}  // namespace fledge
