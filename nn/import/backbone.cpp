#include "nn/import/backbone.h"

#include <unordered_set>

#include "base/error.h"

namespace fledge::importing {
namespace {

struct FoundForm {
  const ExternalNames* family;
  const NameForm* form;
  std::string prefix;
  int landmarks;  // how many of the form's landmarks are there
};

constexpr int kEnough = 2;                   // landmarks that make a backbone: one missing tensor must not hide it
constexpr std::size_t kMaxCandidates = 100;  // a file made to have many prefixes must not cost quadratic time

std::unordered_set<std::string_view> name_set(const std::vector<Source>& sources) {
  std::unordered_set<std::string_view> names;
  for (const Source& s : sources)
    if (!s.dropped) names.insert(s.name);
  return names;
}

std::vector<std::pair<const ExternalNames*, const NameForm*>> all_forms() {
  std::vector<std::pair<const ExternalNames*, const NameForm*>> all;
  for (const ExternalNames* family : all_external_names())
    for (const NameForm& form : family->forms) all.emplace_back(family, &form);
  return all;
}

/// Of each prefix the form that fits best, in the order of the file.
std::vector<FoundForm> candidates(const std::vector<Source>& sources) {
  const auto names = name_set(sources);
  std::vector<FoundForm> found;
  std::unordered_map<std::string, std::size_t> by_prefix;
  for (const auto& [family, form] : all_forms()) {
    const std::vector<std::string> landmarks = FormNames(*family, *form).landmarks();
    std::unordered_set<std::string> seen;
    for (const Source& s : sources) {
      for (const std::string& mark : landmarks) {
        if (s.dropped || !std::string_view(s.name).ends_with(mark)) continue;
        const std::string prefix = s.name.substr(0, s.name.size() - mark.size());
        if ((!prefix.empty() && prefix.back() != '.') || !seen.insert(prefix).second) continue;
        FoundForm c{family, form, prefix, 0};
        for (const std::string& m : landmarks) c.landmarks += names.count(prefix + m) ? 1 : 0;
        if (c.landmarks < kEnough) continue;
        const auto [at, fresh] = by_prefix.emplace(prefix, found.size());
        if (fresh)
          found.push_back(c);
        else if (c.landmarks > found[at->second].landmarks)
          found[at->second] = c;
        if (found.size() > kMaxCandidates) return found;
      }
    }
  }
  return found;
}

[[noreturn]] void fail_none(const std::vector<Source>& sources) {
  std::string some, titles, examples;
  for (const ExternalNames* family : all_external_names()) {
    if (family->landmarks.size() < 2) continue;
    titles += (titles.empty() ? "" : " and ") + family->title;
    examples += (examples.empty() ? "" : " and ") + quoted(family->landmarks[1] + ".weight");
  }
  int shown = 0;
  for (const Source& s : sources)
    if (!s.dropped && shown++ < 3) some += (some.empty() ? "" : ", ") + s.shown();
  throw Error(ErrorKind::BadInput, "",
              sources.empty() ? "there are no tensors"
                              : "none of the known networks is among the " + std::to_string(sources.size()) +
                                    " tensors" + (some.empty() ? "" : " (" + some + ", ...)"),
              "fledge knows " + titles + " by names such as " + examples +
                  "; lines 'from = to' in a --map FILE rename tensors");
}

std::string shown(const std::string& prefix) { return prefix.empty() ? "without prefix" : quoted(prefix); }

[[noreturn]] void fail_many(const std::vector<FoundForm>& all) {
  constexpr std::size_t kShown = 6;
  std::string list;
  for (std::size_t i = 0; i < all.size() && i < kShown; ++i)
    list += (i ? ", " : "") + shown(all[i].prefix) + " (" + all[i].form->label + ")";
  if (all.size() > kShown) list += ", ...";
  const std::string other = all[0].prefix.empty() ? all[1].prefix : all[0].prefix;
  throw Error(ErrorKind::BadInput, "", std::to_string(all.size()) + " networks are in the file: " + list,
              "drop all but one with lines 'from =' in a --map FILE; here 'from' is e.g. " + quoted(other));
}

}  // namespace

FoundBackbone find_backbone(const std::vector<Source>& sources, const ExternalNames* family) {
  std::vector<FoundForm> all = candidates(sources);
  if (family) {
    std::vector<FoundForm> wanted;
    for (const FoundForm& c : all)
      if (c.family == family) wanted.push_back(c);
    if (!wanted.empty()) all = std::move(wanted);
  }
  if (all.empty()) fail_none(sources);
  if (all.size() > 1) fail_many(all);

  FoundBackbone backbone{.family = all[0].family, .form = all[0].form, .prefix = all[0].prefix};
  const FormNames names = backbone.names();
  backbone.target.resize(sources.size());
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (sources[i].dropped || !sources[i].name.starts_with(backbone.prefix)) continue;
    const std::optional<std::string> ours =
        names.ours(std::string_view(sources[i].name).substr(backbone.prefix.size()));
    if (!ours) continue;
    backbone.target[i] = *ours;
    backbone.tensors.add(*ours, sources[i].shape());
  }
  return backbone;
}

}  // namespace fledge::importing
