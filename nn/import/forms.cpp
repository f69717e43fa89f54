#include "nn/import/forms.h"

namespace fledge::importing {
namespace {

/// Replaces the module `from` at the front of `name` by `to`.
std::optional<std::string> replaced(std::string_view name, std::string_view from, std::string_view to) {
  if (!name.starts_with(from) || name.size() <= from.size() || name[from.size()] != '.') return std::nullopt;
  return std::string(to).append(name.substr(from.size()));
}

/// Of one side: what is before a block's number, the number, and what is behind it.
struct BlockPlace {
  std::string_view rest;
  int number = 0;
};

/// Where `name` is in a run of blocks that begins with `prefix` and the number `first`; `exact`: numbers are written
/// without zeros before them, as modules of a fixed network are.
std::optional<BlockPlace> place_in(std::string_view name, std::string_view prefix, int first, int count, bool exact) {
  if (!name.starts_with(prefix)) return std::nullopt;
  BlockPlace place{.rest = name.substr(prefix.size())};
  const std::size_t before = place.rest.size();
  if (!take_number(place.rest, place.number)) return std::nullopt;
  if (count > 0 && (place.number < first || place.number >= first + count)) return std::nullopt;
  if (exact && std::to_string(place.number).size() + 1 != before - place.rest.size()) return std::nullopt;
  return place;
}

}  // namespace

std::pair<std::string_view, std::string_view> split_leaf(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return {"", name};
  return {name.substr(0, dot), name.substr(dot + 1)};
}

std::string_view last_segment(std::string_view module) { return split_leaf(module).second; }

/// `rest`: a tensor in a block, "conv1.weight". Where blocks are closed the module must be one of the form's.
std::optional<std::string> FormNames::in_block(std::string_view rest, bool to_ours) const {
  for (const auto& [theirs, ours] : form_.modules) {
    const std::string_view from = to_ours ? theirs : ours, to = to_ours ? ours : theirs;
    if (!family_.open_blocks && split_leaf(rest).first != from) continue;
    if (auto name = replaced(rest, from, to)) return name;
  }
  return family_.open_blocks ? std::optional(std::string(rest)) : std::nullopt;
}

std::optional<std::string> FormNames::ours(std::string_view name) const {
  const bool closed = !family_.open_blocks;
  const std::string_view module = split_leaf(name).first;
  if (family_.modules.count(std::string(module))) return std::string(name);
  for (const auto& [theirs, ours] :
       {std::pair(&form_.stem_conv, &family_.stem_conv), std::pair(&form_.stem_bn, &family_.stem_bn)})
    if (!closed || module == *theirs)
      if (auto stem = replaced(name, *theirs, *ours)) return stem;
  for (const NameForm::Stage& stage : form_.stages) {
    const auto place = place_in(name, stage.prefix, stage.first, stage.count, closed);
    if (!place) continue;
    const auto rest = in_block(place->rest, true);
    if (!rest) return std::nullopt;
    return stage.our_prefix + std::to_string(place->number - stage.first + stage.our_first) + "." + *rest;
  }
  return std::nullopt;
}

std::string FormNames::theirs(const std::string& name) const {
  if (auto stem = replaced(name, family_.stem_conv, form_.stem_conv)) return *stem;
  if (auto stem = replaced(name, family_.stem_bn, form_.stem_bn)) return *stem;
  for (const NameForm::Stage& stage : form_.stages) {
    const auto place = place_in(name, stage.our_prefix, stage.our_first, stage.count, false);
    if (!place) continue;
    const auto rest = in_block(place->rest, false);
    if (!rest) return name;
    return stage.prefix + std::to_string(place->number - stage.our_first + stage.first) + "." + *rest;
  }
  return name;
}

std::vector<std::string> FormNames::landmarks() const {
  std::vector<std::string> names;
  for (const std::string& module : family_.landmarks) names.push_back(theirs(module + ".weight"));
  return names;
}

}  // namespace fledge::importing
