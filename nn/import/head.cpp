#include "nn/import/head.h"

#include <algorithm>

#include "kernels/api/error.h"

namespace fledge::importing {
namespace {

struct Candidate {
  std::string module;
  std::int64_t outputs;
};

std::string parent_of(const std::string& module) {
  const std::size_t dot = module.rfind('.');
  return dot == std::string::npos ? "" : module.substr(0, dot + 1);
}

/// Is the module part of the trunk, or does it stand beside it on the way up to the file's root?
bool stands_by(const Trunk& trunk, const std::string& module) { return trunk.prefix.starts_with(parent_of(module)); }

bool is_own_classifier(const Trunk& trunk, const std::string& module) {
  return module == trunk.prefix + std::string(trunk.form->classifier);
}

bool is_classifier(const Trunk& trunk, const std::string& module) {
  const std::string_view last = last_segment(module);
  return is_own_classifier(trunk, module) || last == "fc" || last == "classifier";
}

[[noreturn]] void fail_many(const char* what, const std::vector<Candidate>& all, std::int64_t features) {
  constexpr std::size_t kShown = 6;
  std::string list;
  for (std::size_t i = 0; i < all.size() && i < kShown; ++i)
    list += (i ? ", " : "") + quoted(all[i].module) + " (" + std::to_string(features) + " to " +
            std::to_string(all[i].outputs) + ")";
  if (all.size() > kShown) list += ", ...";
  throw Error(ErrorKind::BadInput, "", std::to_string(all.size()) + " linear layers can be the " + what + ": " + list,
              "choose with a line in a --map FILE, e.g. " + quoted(all[0].module + ". = feat."));
}

/// A head whose container holds more than the head is a stack of layers, of which one would give other embeddings.
void check_alone(const std::vector<Source>& sources, const Trunk& trunk, const std::string& module) {
  if (stands_by(trunk, module)) return;
  const std::string container = parent_of(module);
  for (const Source& s : sources) {
    if (s.dropped || !s.name.starts_with(container) || s.name.starts_with(module + ".")) continue;
    throw Error(ErrorKind::BadInput, "",
                "the head " + quoted(container) + " is more than one linear layer: it holds " + quoted(module) +
                    " and " + s.shown(),
                "fledge's head is one layer; a line " + quoted(container + " =") + " in a --map FILE leaves it out");
  }
}

/// The one that counts; null when there is none.
const Candidate* choose(const char* what, const std::vector<Candidate>& all, std::int64_t features,
                        const auto& preferred) {
  std::vector<const Candidate*> best;
  for (const Candidate& c : all)
    if (preferred(c.module)) best.push_back(&c);
  if (best.size() == 1) return best[0];
  if (all.size() > 1) fail_many(what, all, features);
  return all.empty() ? nullptr : &all[0];
}

}  // namespace

Heads find_heads(const std::vector<Source>& sources, const Trunk& trunk, std::int64_t features) {
  std::vector<Candidate> embeddings, classifiers;
  const auto is_feat = [&](const std::string& module) {
    return last_segment(module) == "feat" && stands_by(trunk, module);
  };
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const auto [module_view, leaf] = split_leaf(sources[i].name);
    const std::vector<std::int64_t>& shape = sources[i].shape();
    if (sources[i].dropped || !trunk.target[i].empty() || leaf != "weight" || shape.size() != 2) continue;
    const std::string module(module_view);
    // A head by its name is one with any shape: a wrong one is then listed, not overlooked.
    const bool by_name = is_feat(module) || is_own_classifier(trunk, module);
    if (!by_name && shape[1] != features) continue;
    (is_classifier(trunk, module) ? classifiers : embeddings).push_back({module, shape[0]});
  }

  Heads heads;
  if (const Candidate* head = choose("embedding head", embeddings, features, is_feat)) {
    check_alone(sources, trunk, head->module);
    heads.embedding = head->module;
    heads.outputs = head->outputs;
    for (const Candidate& c : classifiers) heads.dead_modules.insert(c.module);
    return heads;
  }
  const auto own = [&](const std::string& module) { return is_own_classifier(trunk, module); };
  if (const Candidate* classifier = choose("classifier", classifiers, features, own)) {
    check_alone(sources, trunk, classifier->module);
    heads.classifier = classifier->module;
    heads.outputs = classifier->outputs;
  }
  return heads;
}

}  // namespace fledge::importing
