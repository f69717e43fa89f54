#include "nn/import/variant.h"

#include <algorithm>
#include <map>

#include "nn/import/candidate.h"
#include "nn/import/own_names.h"

namespace fledge::importing {
namespace {

bool is_fixed(const Conflict& c, const ImportOptions& options) {
  return !(c.stem ? options.stem : options.variant).empty();
}

/// Conflicts that the options do not settle.
std::vector<const Conflict*> open_conflicts(const Candidate& candidate, const ImportOptions& options) {
  std::vector<const Conflict*> open;
  for (const Conflict& c : candidate.conflicts)
    if (!is_fixed(c, options)) open.push_back(&c);
  return open;
}

/// The choice that comes first is taken when several fit.
std::vector<std::string> choices(const std::string& fixed, const std::string& first, std::vector<std::string> all) {
  if (!fixed.empty()) return {fixed};
  std::stable_partition(all.begin(), all.end(), [&](const std::string& s) { return s == first; });
  return all;
}

std::string more(std::size_t count) { return count > 1 ? " (and " + std::to_string(count - 1) + " more)" : ""; }

[[noreturn]] void refuse(const std::vector<Candidate>& all, const std::vector<BackboneFact>& facts,
                         const ImportOptions& options) {
  const std::string& arch = all[0].spec.arch;
  const auto way_out = [&](const Conflict& c) {
    return "the weights are another network's; " +
           (c.stem ? "'--stem " + all[0].spec.stem : "'--conventions " + all[0].spec.variant) +
           "' takes them all the same";
  };
  // A layer that no candidate has is the reason by itself.
  std::map<std::size_t, std::vector<const Conflict*>> by_fact;
  for (const Candidate& candidate : all)
    for (const Conflict* c : open_conflicts(candidate, options)) by_fact[c->fact].push_back(c);
  for (const auto& [fact, conflicts] : by_fact) {
    const auto as_first = [first = conflicts[0]](const Conflict* c) { return c->has == first->has; };
    if (conflicts.size() < all.size() || !std::all_of(conflicts.begin(), conflicts.end(), as_first)) continue;
    std::vector<std::string> wanted;
    for (const Conflict* c : conflicts)
      if (std::find(wanted.begin(), wanted.end(), c->wanted) == wanted.end()) wanted.push_back(c->wanted);
    std::string list;
    for (const std::string& w : wanted) list += (list.empty() ? "" : " or ") + w;
    throw Error(
        ErrorKind::BadInput, "",
        "layer " + quoted(facts[fact].name) + " " + conflicts[0]->has + ", where fledge's " + arch + " has " + list,
        way_out(*conflicts[0]));
  }
  // Each alone is possible, all together are not. Of two stems the likelier one is shown.
  std::string list;
  for (const std::string& variant : variant_names(arch)) {
    const Candidate* nearest = nullptr;
    std::vector<const Conflict*> fewest;
    for (const Candidate& candidate : all) {
      const auto open = open_conflicts(candidate, options);
      if (candidate.spec.variant != variant || (nearest && open.size() >= fewest.size())) continue;
      nearest = &candidate;
      fewest = open;
    }
    if (!nearest) continue;  // the options fix others
    list += (list.empty() ? "" : "; ") + variant + " has " + fewest[0]->wanted + " where " +
            quoted(facts[fewest[0]->fact].name) + " " + fewest[0]->has + more(fewest.size());
  }
  throw Error(ErrorKind::BadInput, "", "the layers fit no conventions of fledge's " + arch + ": " + list,
              way_out(*open_conflicts(all[0], options)[0]));
}

std::string told_note(const ModelSpec& spec) {
  std::string note = "conventions: " + spec.variant + ", as the file's layers say";
  for (const ModelVariant& variant : architecture(spec.arch).variants)
    if (variant.name == spec.variant && !variant.shown_by.empty()) note += " (" + variant.shown_by + ")";
  return note;
}

void add_disagreement(std::vector<std::string>& notes, const Candidate& chosen, const std::vector<BackboneFact>& facts,
                      bool stem) {
  const Conflict* first = nullptr;
  std::size_t count = 0;
  for (const Conflict& c : chosen.conflicts) {
    if (c.stem != stem) continue;
    if (count++ == 0) first = &c;
  }
  if (first)
    notes.push_back((stem ? "stem: " + chosen.spec.stem : "conventions: " + chosen.spec.variant) +
                    " as asked, though the file's layers disagree: " + quoted(facts[first->fact].name) + " " +
                    first->has + ", not " + first->wanted + more(count));
}

}  // namespace

VariantChoice choose_variant(const std::vector<BackboneFact>& facts, const ImportOptions& options, ModelSpec& spec) {
  VariantChoice choice;
  if (facts.empty()) return choice;
  const ExternalNames& family = external_names(spec.arch);
  const std::vector<std::string> known = variant_names(spec.arch);
  const std::vector<std::string> stems =
      family.shapes_tell_stem ? std::vector{spec.stem} : choices(options.stem, spec.stem, {"imagenet", "small"});
  std::vector<Candidate> all;
  for (const std::string& variant : choices(options.variant, spec.variant, known))
    for (const std::string& stem : stems) {
      ModelSpec other = spec;
      other.variant = variant;
      other.stem = stem;
      all.emplace_back(other, facts);
    }

  const Candidate* chosen = nullptr;  // the first that fits
  std::vector<std::string> fitting;   // variants
  for (const Candidate& candidate : all) {
    if (!open_conflicts(candidate, options).empty()) continue;
    if (!chosen) chosen = &candidate;
    const std::string& name = candidate.spec.variant;
    if (std::find(fitting.begin(), fitting.end(), name) == fitting.end()) fitting.push_back(name);
  }
  if (!chosen) refuse(all, facts, options);
  spec = chosen->spec;

  if (options.variant.empty() && known.size() > 1 && fitting.size() < known.size()) {
    choice.variant_told = true;
    choice.notes.push_back(fitting.size() == 1 ? told_note(spec)
                                               : "conventions: " + fitting[0] +
                                                     ", which the file's layers do not tell from " + fitting[1]);
  }
  choice.stem_told = options.stem.empty() && std::any_of(facts.begin(), facts.end(), [&](const BackboneFact& f) {
                       return f.ours == family.stem_conv && f.facts.stride;
                     });
  if (choice.stem_told && (!family.shapes_tell_stem || spec.stem == "small"))
    choice.notes.push_back("stem: " + spec.stem + ", as the file's layers say");
  add_disagreement(choice.notes, *chosen, facts, false);
  add_disagreement(choice.notes, *chosen, facts, true);
  return choice;
}

}  // namespace fledge::importing
