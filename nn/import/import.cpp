#include "nn/import/import.h"

#include "nn/import/variant.h"
#include "nn/import/verify.h"

namespace fledge {
namespace {

using namespace importing;

std::string names_note(const Trunk& trunk, const Heads& heads) {
  const bool parallel = trunk.prefix.starts_with("module.");
  const std::string inner = trunk.prefix.substr(parallel ? 7 : 0), outer = parallel ? "module." : "";
  std::string note = "names: ";
  if (trunk.form->family == Family::ResNet && inner == "base." && heads.embedding == outer + "feat")
    note += "the paper's (base., feat.)";
  else
    note += std::string(trunk.form->label) + (inner.empty() ? "" : ", below " + quoted(inner));
  return note + (parallel ? ", DataParallel (module.)" : "");
}

void add_head_notes(std::vector<std::string>& notes, const ModelSpec& spec, const Heads& heads, std::int64_t features) {
  if (!heads.embedding.empty())
    notes.push_back("head: " + quoted(heads.embedding) + ", " + std::to_string(features) + " to " +
                    std::to_string(spec.embedding) + (heads.without_bias ? ", without a bias (taken as 0)" : ""));
  else if (!heads.classifier.empty())
    notes.push_back("classifier: " + quoted(heads.classifier) + ", " + std::to_string(spec.classes) +
                    " classes; no embedding head: the embedding is the pooled features");
  else
    notes.push_back("no head: the embedding is the pooled features");
}

/// What names, shapes and facts cannot tell.
void add_assumptions(std::vector<std::string>& notes, const ImportOptions& options, const Trunk& trunk,
                     const Variant& variant, const ModelSpec& spec) {
  const bool mobilenet = trunk.form->family == Family::MobileNetV1;
  const bool stem_open = options.stem.empty() && !variant.stem_told;
  if (mobilenet && stem_open && trunk.form->stem.empty())
    notes.push_back("stem: taken as imagenet (stride 2), which the shapes do not tell");
  if (mobilenet && options.conventions.empty() && !variant.conventions_told)
    notes.push_back("conventions: " + spec.conventions +
                    (trunk.form->conventions.empty()
                         ? ", which the names do not tell (weights converted from Keras need keras)"
                         : ", as " + std::string(trunk.form->label) + " has them"));
  if (!mobilenet && options.conventions.empty() && !variant.conventions_told && conventions_of(spec.arch).size() > 1)
    notes.push_back(
        "conventions: " + spec.conventions +
        ", which the names do not tell (strides in the first 1x1 convolutions, as Caffe's, need stride-1x1)");
  if (!mobilenet && stem_open && spec.stem == "small")
    notes.push_back("stem: small (3x3), taken as stride 1 without max pool, which the shapes do not tell");
}

void add_count(std::vector<std::string>& notes, const std::string& what, std::size_t count, const std::string& first) {
  if (count > 0)
    notes.push_back(what + ": " + std::to_string(count) + (count == 1 ? " tensor" : " tensors") + " (" + quoted(first) +
                    (count == 1 ? ")" : ", ...)"));
}

void add_idle(std::vector<std::string>& notes, const std::vector<std::string>& idle) {
  constexpr std::size_t kShown = 6;
  if (idle.empty()) return;
  std::string list;
  for (std::size_t i = 0; i < idle.size() && i < kShown; ++i) list += (i ? ", " : "") + quoted(idle[i]);
  notes.push_back("the map drops what is not there: " + list + (idle.size() > kShown ? ", ..." : "") +
                  " (names are written in full, from their first part; a prefix ends in '.')");
}

void check_outputs(const Heads& heads) {
  constexpr std::int64_t kMax = std::int64_t{1} << 31;
  if ((heads.embedding.empty() && heads.classifier.empty()) || (heads.outputs > 0 && heads.outputs < kMax)) return;
  throw Error(ErrorKind::BadInput, "",
              "the head " + quoted(heads.embedding.empty() ? heads.classifier : heads.embedding) + " has " +
                  std::to_string(heads.outputs) + " outputs",
              "the file is damaged, or a --map FILE is needed");
}

}  // namespace

ImportPlan plan_import(const std::vector<NamedShape>& tensors, const ImportOptions& options) {
  std::vector<std::string> idle;
  const std::vector<Source> sources = apply_name_map(tensors, options.map, &idle);
  const Trunk trunk = find_trunk(sources, family_of(options.arch));
  Architecture architecture = identify(sources, trunk, options);
  const Heads heads = find_heads(sources, trunk, architecture.features);
  check_outputs(heads);
  architecture.spec.embedding = heads.embedding.empty() ? 0 : heads.outputs;
  architecture.spec.classes = heads.classifier.empty() ? 0 : heads.outputs;

  const Assignment assignment = assign(sources, trunk, heads);
  verify(sources, assignment, architecture, trunk, heads);

  const Variant variant = choose_variant(trunk_facts(sources, trunk, options), options, architecture.spec);

  ImportPlan plan;
  plan.spec = architecture.spec;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (sources[i].dropped)
      plan.dropped.push_back(i);
    else if (assignment.dead[i])
      plan.dead.push_back(i);
    else
      plan.placed.push_back({i, assignment.target[i]});
  }
  if (heads.without_bias) plan.zeros.push_back("feat.bias");
  plan.notes.push_back(names_note(trunk, heads));
  plan.notes.push_back("network: " + plan.spec.describe());
  add_head_notes(plan.notes, plan.spec, heads, architecture.features);
  plan.notes.insert(plan.notes.end(), heads.notes.begin(), heads.notes.end());
  plan.notes.insert(plan.notes.end(), variant.notes.begin(), variant.notes.end());
  add_assumptions(plan.notes, options, trunk, variant, plan.spec);
  const auto note = [&](const char* what, const std::vector<std::size_t>& which) {
    add_count(plan.notes, what, which.size(), which.empty() ? "" : sources[which[0]].tensor->name);
  };
  note("never used by the network", plan.dead);
  note("dropped by the map", plan.dropped);
  add_idle(plan.notes, idle);
  return plan;
}

}  // namespace fledge
