#include "nn/import/import.h"

#include "nn/import/variant.h"
#include "nn/import/verify.h"

namespace fledge {
namespace {

using namespace importing;

std::string names_note(const FoundBackbone& backbone, const Heads& heads) {
  const bool parallel = backbone.prefix.starts_with("module.");
  const std::string inner = backbone.prefix.substr(parallel ? 7 : 0), outer = parallel ? "module." : "";
  std::string note = "names: ";
  if (!backbone.family->paper_label.empty() && inner == "base." && heads.embedding == outer + "feat")
    note += backbone.family->paper_label;
  else
    note += backbone.form->label + (inner.empty() ? "" : ", below " + quoted(inner));
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
void add_assumptions(std::vector<std::string>& notes, const ImportOptions& options, const FoundBackbone& backbone,
                     const VariantChoice& choice, const ModelSpec& spec) {
  const ExternalNames& family = *backbone.family;
  const bool stem_open = options.stem.empty() && !choice.stem_told;
  const auto stem_note = [&] {
    if (stem_open && spec.stem == family.stem_assumed && (family.shapes_tell_stem || backbone.form->stem.empty()))
      notes.push_back("stem: " + family.stem_assumption + ", which the shapes do not tell");
  };
  if (!family.shapes_tell_stem) stem_note();
  if (options.variant.empty() && !choice.variant_told && variant_names(spec.arch).size() > 1)
    notes.push_back("conventions: " + spec.variant +
                    (backbone.form->variant.empty() ? ", which the names do not tell (" + family.variant_hint + ")"
                                                    : ", as " + backbone.form->label + " has them"));
  if (family.shapes_tell_stem) stem_note();
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

std::vector<NamedShape> shapes_of(const ModelSpec& spec) {
  std::vector<NamedShape> shapes;
  for (const auto& [name, tensor] : EmbeddingModel::shapes_only(spec)->named_state())
    shapes.push_back({name, {tensor.dims().begin(), tensor.dims().end()}});
  return shapes;
}

ImportPlan plan_import(const std::vector<NamedShape>& tensors, const ImportOptions& options) {
  std::vector<std::string> idle;
  const std::vector<Source> sources = apply_name_map(tensors, options.map, &idle);
  const FoundBackbone backbone = find_backbone(sources, options.arch.empty() ? nullptr : &external_names(options.arch));
  Identified identified = identify(sources, backbone, options);
  const Heads heads = find_heads(sources, backbone, identified.features);
  check_outputs(heads);
  identified.spec.embedding = heads.embedding.empty() ? 0 : heads.outputs;
  identified.spec.classes = heads.classifier.empty() ? 0 : heads.outputs;

  const Assignment assignment = assign(sources, backbone, heads);
  verify(sources, assignment, identified, backbone, heads);

  const VariantChoice choice = choose_variant(backbone_facts(sources, backbone, options), options, identified.spec);

  ImportPlan plan;
  plan.spec = identified.spec;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (sources[i].dropped)
      plan.dropped.push_back(i);
    else if (assignment.unused[i])
      plan.unused.push_back(i);
    else
      plan.placed.push_back({i, assignment.target[i]});
  }
  if (heads.without_bias) plan.zeros.push_back("feat.bias");
  plan.notes.push_back(names_note(backbone, heads));
  plan.notes.push_back("network: " + plan.spec.describe());
  add_head_notes(plan.notes, plan.spec, heads, identified.features);
  plan.notes.insert(plan.notes.end(), heads.notes.begin(), heads.notes.end());
  plan.notes.insert(plan.notes.end(), choice.notes.begin(), choice.notes.end());
  add_assumptions(plan.notes, options, backbone, choice, plan.spec);
  const auto note = [&](const char* what, const std::vector<std::size_t>& which) {
    add_count(plan.notes, what, which.size(), which.empty() ? "" : sources[which[0]].tensor->name);
  };
  note("never used by the network", plan.unused);
  note("dropped by the map", plan.dropped);
  add_idle(plan.notes, idle);
  return plan;
}

}  // namespace fledge
