#include "nn/import/name_map.h"

#include <set>
#include <sstream>

namespace fledge {
namespace {

std::string trimmed(const std::string& text) {
  const char* const kSpace = " \t\r";
  const std::size_t first = text.find_first_not_of(kSpace);
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

bool is_prefix_rule(const std::string& from) { return from.ends_with('.'); }

bool matches(const std::string& from, const std::string& name) {
  return is_prefix_rule(from) ? name.starts_with(from) : name == from;
}

}  // namespace

NameMap parse_name_map(const std::string& text, const std::string& file) {
  NameMap map;
  std::set<std::string> seen;
  std::istringstream lines(text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    const auto fail = [&](const std::string& problem, const std::string& hint) {
      throw Error(ErrorKind::Usage, "", file + ":" + std::to_string(number) + ": " + problem, hint);
    };
    line = trimmed(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    const std::size_t equal = line.find('=');
    if (equal == std::string::npos) fail("'" + line + "' has no '='", "write 'from = to', or 'from =' to drop");
    const std::string from = trimmed(line.substr(0, equal)), to = trimmed(line.substr(equal + 1));
    if (from.empty()) fail("nothing stands before '='", "write 'from = to'");
    if (!to.empty() && is_prefix_rule(from) != is_prefix_rule(to)) {
      fail("'" + from + "' = '" + to + "' maps " + (is_prefix_rule(from) ? "a prefix to a name" : "a name to a prefix"),
           "prefixes end in '.', on both sides");
    }
    if (!seen.insert(from).second) fail("'" + from + "' is mapped twice", "leave one of the lines");
    map.emplace_back(from, to);
  }
  return map;
}

namespace importing {

std::string quoted(const std::string& name) {
  constexpr std::size_t kLongest = 120;
  std::string text = name.substr(0, kLongest);
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return "'" + text + (name.size() > kLongest ? "..." : "") + "'";
}

std::string Source::shown() const {
  return quoted(tensor->name) + (name == tensor->name ? "" : " (mapped to " + quoted(name) + ")");
}

std::optional<std::string> mapped_module(const std::string& name, const NameMap& map) {
  const std::string below = name + ".";  // "relu" is in the prefix "relu." too
  const std::pair<std::string, std::string>* best = nullptr;
  for (const auto& rule : map)
    if (is_prefix_rule(rule.first) && below.starts_with(rule.first) &&
        (!best || rule.first.size() > best->first.size()))
      best = &rule;
  if (!best) return name;
  if (best->second.empty()) return std::nullopt;
  std::string mapped = best->second + below.substr(best->first.size());
  mapped.pop_back();
  return mapped;
}

std::vector<Source> apply_name_map(const std::vector<NamedShape>& tensors, const NameMap& map,
                                   std::vector<std::string>* idle) {
  std::vector<Source> sources;
  sources.reserve(tensors.size());
  std::vector<bool> used(map.size(), false);
  for (const NamedShape& tensor : tensors) {
    Source source{.tensor = &tensor, .name = tensor.name};
    const std::pair<std::string, std::string>* best = nullptr;
    for (std::size_t i = 0; i < map.size(); ++i) {
      if (!matches(map[i].first, tensor.name)) continue;
      used[i] = true;
      if (!best || map[i].first.size() > best->first.size()) best = &map[i];
    }
    if (best) {
      source.dropped = best->second.empty();
      if (!source.dropped) source.name = best->second + tensor.name.substr(best->first.size());
    }
    sources.push_back(std::move(source));
  }
  for (std::size_t i = 0; i < map.size(); ++i) {
    if (used[i]) continue;
    if (map[i].second.empty()) {
      if (idle) idle->push_back(map[i].first);
      continue;
    }
    throw Error(
        ErrorKind::Usage, "", "the map's '" + map[i].first + "' matches no tensor of the file",
        is_prefix_rule(map[i].first) ? "names are written in full, from their first part" : "a prefix must end in '.'");
  }
  return sources;
}

}  // namespace importing
}  // namespace fledge
