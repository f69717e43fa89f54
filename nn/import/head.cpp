#include "nn/import/head.h"

#include <string_view>
#include <unordered_set>

#include "base/error.h"
#include "nn/import/beside.h"

namespace fledge::importing {
namespace {

struct LinearLayer {
  std::string module;
  std::int64_t outputs;
  bool bias;
};

/// Which modules have a bias, and which hold other modules: a matrix beside those is a parameter, no linear layer's.
class Modules {
 public:
  explicit Modules(const std::vector<Source>& sources) {
    for (const Source& s : sources) {
      if (s.dropped) continue;
      auto [module, leaf] = split_leaf(s.name);
      if (leaf == "bias") biased_.insert(module);
      while (!(module = split_leaf(module).first).empty())
        if (!parents_.insert(module).second) break;
    }
  }
  bool has_bias(std::string_view module) const { return biased_.count(module) > 0; }
  bool is_linear(std::string_view module) const { return !module.empty() && !parents_.count(module); }

 private:
  std::unordered_set<std::string_view> biased_, parents_;
};

std::string parent_of(const std::string& module) {
  const std::size_t dot = module.rfind('.');
  return dot == std::string::npos ? "" : module.substr(0, dot + 1);
}

/// Is the module part of the backbone, or does it stand beside it on the way up to the file's root?
bool stands_by(const FoundBackbone& backbone, const std::string& module) {
  return backbone.prefix.starts_with(parent_of(module));
}

/// Where the form has its classifier: "module.fc", or outside of the backbone's own folder.
bool is_own_classifier(const FoundBackbone& backbone, const std::string& module) {
  std::string_view prefix = backbone.prefix;
  const std::string& shell = backbone.form->shell;
  if (!shell.empty() && prefix.ends_with(shell)) prefix.remove_suffix(shell.size());
  return module == std::string(prefix).append(backbone.form->classifier);
}

bool is_classifier(const FoundBackbone& backbone, const std::string& module) {
  return is_own_classifier(backbone, module) || is_classifier_by_name(backbone, module);
}

/// The container of a head that is one of several layers in it: "encoder.fc." of "encoder.fc.2"; empty: it stands
/// alone.
std::string stack_of(const std::vector<Source>& sources, const FoundBackbone& backbone, const std::string& module,
                     const Source** other = nullptr) {
  if (stands_by(backbone, module)) return "";
  const std::string container = parent_of(module);
  for (const Source& s : sources) {
    if (s.dropped || !s.name.starts_with(container) || s.name.starts_with(module + ".")) continue;
    if (other) *other = &s;
    return container;
  }
  return "";
}

/// Lines of a map after which the file opens: stacks are dropped, one of the rest is chosen.
std::string lines_that_help(const std::vector<Source>& sources, const FoundBackbone& backbone,
                            const std::vector<LinearLayer>& all) {
  std::set<std::string> lines;
  std::string chosen;
  for (const LinearLayer& c : all) {
    const std::string stack = stack_of(sources, backbone, c.module);
    if (!stack.empty())
      lines.insert(quoted(stack + " ="));
    else if (chosen.empty())
      chosen = c.module;
    else if (c.module.starts_with(backbone.prefix))  // beside the backbone it is unused anyway
      lines.insert(quoted(c.module + ". ="));
  }
  std::string text = chosen.empty() ? "" : quoted(chosen + ". = feat.");
  constexpr std::size_t kShown = 6;
  std::size_t shown = 0;
  for (const std::string& line : lines)
    if (shown++ < kShown) text += (text.empty() ? "" : ", ") + line;
  return text + (shown > kShown ? ", ..." : "");
}

[[noreturn]] void fail_many(const char* what, const std::vector<Source>& sources, const FoundBackbone& backbone,
                            const std::vector<LinearLayer>& all, std::int64_t features) {
  constexpr std::size_t kShown = 6;
  std::string list;
  bool stacks = true;
  for (std::size_t i = 0; i < all.size(); ++i) {
    stacks = stacks && !stack_of(sources, backbone, all[i].module).empty();
    if (i < kShown)
      list += (i ? ", " : "") + quoted(all[i].module) + " (" + std::to_string(features) + " to " +
              std::to_string(all[i].outputs) + ")";
  }
  if (all.size() > kShown) list += ", ...";
  throw Error(ErrorKind::BadInput, "", std::to_string(all.size()) + " linear layers can be the " + what + ": " + list,
              stacks ? "fledge's head is one layer, these are parts of stacks; in a --map FILE " +
                           lines_that_help(sources, backbone, all) + " leaves them out"
                     : "choose with lines in a --map FILE, e.g. " + lines_that_help(sources, backbone, all));
}

/// A head whose container holds more than the head is a stack of layers, of which one would give other embeddings.
void check_alone(const std::vector<Source>& sources, const FoundBackbone& backbone, const std::string& module) {
  const Source* other = nullptr;
  const std::string container = stack_of(sources, backbone, module, &other);
  if (container.empty()) return;
  throw Error(ErrorKind::BadInput, "",
              "the head " + quoted(container) + " is more than one linear layer: it holds " + quoted(module) + " and " +
                  other->shown(),
              "fledge's head is one layer; a line " + quoted(container + " =") + " in a --map FILE leaves it out");
}

/// The one that counts; null when there is none.
const LinearLayer* choose(const char* what, const std::vector<Source>& sources, const FoundBackbone& backbone,
                          const std::vector<LinearLayer>& all, std::int64_t features, const auto& preferred) {
  std::vector<const LinearLayer*> best;
  for (const LinearLayer& c : all)
    if (preferred(c.module)) best.push_back(&c);
  if (best.size() == 1) return best[0];
  if (all.size() > 1) fail_many(what, sources, backbone, all, features);
  return all.empty() ? nullptr : &all[0];
}

}  // namespace

Heads find_heads(const std::vector<Source>& sources, const FoundBackbone& backbone, std::int64_t features) {
  std::vector<LinearLayer> embeddings, classifiers;
  Heads heads;
  const Modules modules(sources);
  const auto leave_out = [&](const std::string& module, const std::string& note) {
    heads.unused_modules.insert(module);
    heads.notes.push_back("left out: " + note);
  };
  for (const std::string& norm : norms_of(sources, backbone, features))
    leave_out(norm,
              "the batch norm behind the pooled features (BNNeck), " + quoted(norm) + ": the embedding is before it");
  const auto is_feat = [&](const std::string& module) {
    return last_segment(module) == "feat" && stands_by(backbone, module);
  };
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const auto [module_view, leaf] = split_leaf(sources[i].name);
    const std::vector<std::int64_t>& shape = sources[i].shape();
    if (sources[i].dropped || !backbone.target[i].empty() || leaf != "weight" || shape.size() != 2) continue;
    const std::string module(module_view);
    if (!modules.is_linear(module_view) || is_of_loss(backbone, module)) continue;
    // A head by its name is one with any shape: a wrong one is then listed, not overlooked.
    const bool by_name = is_feat(module) || is_own_classifier(backbone, module);
    if (!by_name && shape[1] != features) continue;
    const bool bias = modules.has_bias(module_view), classifier = is_classifier(backbone, module);
    if (classifier && !bias)
      leave_out(module, "a classifier without bias: " + quoted(module));
    else
      (classifier ? classifiers : embeddings).push_back({module, shape[0], bias});
  }
  if (const LinearLayer* head = choose("embedding head", sources, backbone, embeddings, features, is_feat)) {
    check_alone(sources, backbone, head->module);
    heads.embedding = head->module;
    heads.outputs = head->outputs;
    heads.without_bias = !head->bias;
    for (const LinearLayer& c : classifiers) heads.unused_modules.insert(c.module);
    return heads;
  }
  const auto own = [&](const std::string& module) { return is_own_classifier(backbone, module); };
  if (const LinearLayer* classifier = choose("classifier", sources, backbone, classifiers, features, own)) {
    check_alone(sources, backbone, classifier->module);
    heads.classifier = classifier->module;
    heads.outputs = classifier->outputs;
  }
  return heads;
}

}  // namespace fledge::importing
