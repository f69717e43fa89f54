#include "nn/import/architecture.h"

#include <algorithm>
#include <map>
#include <set>

namespace fledge::importing {
namespace {

constexpr double kMaxWidth = 8;  // as EmbeddingModel allows

void refuse(const std::string& what) {
  if (what.empty()) return;
  std::string known;
  for (const ExternalNames* family : all_external_names()) known += (known.empty() ? "" : " and ") + family->title;
  throw Error(ErrorKind::BadInput, "", what, "fledge knows " + known);
}

/// A block's name and the module in it, "layer1.0" and "conv1"; none for what is in no block.
using InBlock = std::optional<std::pair<std::string, std::string>>;

InBlock in_block(std::string_view name, const std::string& prefix) {
  if (!name.starts_with(prefix)) return std::nullopt;
  const std::string_view in_stage = name.substr(prefix.size());
  const std::size_t dot = in_stage.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  return std::pair(prefix + std::string(in_stage.substr(0, dot)),
                   std::string(split_leaf(in_stage.substr(dot + 1)).first));
}

/// Of a tensor in a block of the network: its module, where no block of ours has it. Of closed blocks those tensors
/// that have no name of ours; a module of the form is then only in a block too many, which verify.h lists.
InBlock strange_module(const FoundBackbone& backbone, const std::string& name, const std::string& ours) {
  const ExternalNames& family = *backbone.family;
  if (family.open_blocks ? ours.empty() : !ours.empty()) return std::nullopt;
  for (const NameForm::Stage& stage : backbone.form->stages) {
    const InBlock found = family.open_blocks
                              ? in_block(ours, stage.our_prefix)
                              : in_block(std::string_view(name).substr(backbone.prefix.size()), stage.prefix);
    if (!found) continue;
    const auto is_it = [&](const auto& known) { return known == found->second; };
    const bool known = family.open_blocks ? std::any_of(family.block_modules.begin(), family.block_modules.end(), is_it)
                                          : std::any_of(backbone.form->modules.begin(), backbone.form->modules.end(),
                                                        [&](const auto& module) { return is_it(module.first); });
    if (!known) return found;
  }
  return std::nullopt;
}

/// "the blocks have 'se.fc1', 'se.fc2', ..."; empty: nothing strange.
std::string strange_modules(const std::vector<Source>& sources, const FoundBackbone& backbone) {
  std::map<std::string, std::set<std::string>> blocks_with;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (sources[i].dropped || !sources[i].name.starts_with(backbone.prefix)) continue;
    if (const InBlock found = strange_module(backbone, sources[i].name, backbone.target[i]))
      blocks_with[found->second].insert(found->first);
  }
  constexpr std::size_t kShown = 4;
  std::string list;
  std::size_t kinds = 0;
  for (const auto& [module, blocks] : blocks_with) {
    if (blocks.size() < 2) continue;  // one stray tensor is no other network
    if (++kinds <= kShown) list += (list.empty() ? "" : ", ") + quoted(module);
  }
  if (kinds == 0) return "";
  return "the blocks have " + list + (kinds > kShown ? ", ..." : "") + ", which a " + backbone.family->name +
         " has not (another network of " + backbone.family->kin + ")";
}

void refuse_relatives(const std::vector<Source>& sources, const FoundBackbone& backbone) {
  const ExternalNames& family = *backbone.family;
  if (family.refuse_early) refuse(family.refuse_early(backbone.tensors));
  refuse(strange_modules(sources, backbone));
  if (family.refuse) refuse(family.refuse(backbone.tensors));
  const ExternalTensors::Shape* stem = backbone.tensors.filter(family.stem_conv + ".weight");
  if (stem && (*stem)[1] != 3)
    refuse("a network for pictures of " + std::to_string((*stem)[1]) + " channels; fledge's have 3");
}

void check_width(const FoundBackbone& backbone, double width) {
  const std::string stem = backbone.family->stem_conv + ".weight";
  const std::int64_t channels = backbone.tensors.channels(stem);
  const std::string shown = quoted(backbone.prefix + backbone.names().theirs(stem));
  if (channels == 0)
    throw Error(ErrorKind::BadInput, "", "the first convolution " + shown + " is missing or has no four axes",
                "the width is read from it");
  if (width > kMaxWidth)
    throw Error(ErrorKind::BadInput, "",
                shown + " has " + std::to_string(channels) + " channels: a width of " + std::to_string(width),
                "fledge builds networks up to width 8");
}

}  // namespace

Identified identify(const std::vector<Source>& sources, const FoundBackbone& backbone, const ImportOptions& options) {
  refuse_relatives(sources, backbone);
  const bool other_family = !options.arch.empty() && &external_names(options.arch) != backbone.family;
  IdentifiedModel model = backbone.family->identify(backbone.tensors, *backbone.form, other_family ? "" : options.arch);
  check_width(backbone, model.spec.width);
  if (other_family) {
    throw Error(ErrorKind::BadInput, "",
                "the tensors are no " + options.arch + ": their names are " + backbone.form->label,
                "the file looks like " + model.looks_like + ": use --arch " + model.looks_like);
  }
  model.spec.embedding = model.spec.classes = 0;
  const std::int64_t features = EmbeddingModel::shapes_only(model.spec)->embedding_size();
  if (!options.variant.empty()) model.spec.variant = options.variant;
  if (!options.stem.empty()) model.spec.stem = options.stem;
  return {model.spec, model.looks_like, features};
}

}  // namespace fledge::importing
