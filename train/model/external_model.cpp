#include "train/model/external_model.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "base/error.h"
#include "base/printable.h"
#include "io/file.h"
#include "io/weights/finite_bytes.h"
#include "nn/models/registry.h"
#include "nn/state_dict.h"
#include "tensor/creation.h"
#include "train/model/weight_sets.h"
#include "train/spec/architecture_help.h"

namespace fledge {
namespace {

NameMap read_map(const std::string& path) {
  if (path.empty()) return {};
  const auto bytes = read_file(path, std::uint64_t{16} << 20);
  return parse_name_map(std::string(bytes.begin(), bytes.end()), path);
}

std::string sets_note(const WeightSets& sets, bool averaged, const ExternalOptions& options) {
  const std::string name = "'" + printable(sets.folder.substr(0, sets.folder.size() - 1)) + "'";
  if (!sets.plain_network) return "weights: averaged ones (" + name + "), the only ones in the file";
  return "weights: the file holds two sets, plain and averaged (" + name + "); taken: the " +
         (averaged ? "averaged" : "plain") + " ones (" + (averaged ? "without " : "") + options.ema_flag +
         (averaged ? " the plain)" : " takes the averaged)");
}

/// "model-00001-of-00002.safetensors" alone is a part of a model, even where it looks like a whole one.
void refuse_single_shard(const std::string& path) {
  static const std::regex kShard("(.+)-0*([0-9]{1,6})-of-0*([0-9]{1,6})(\\.[A-Za-z0-9]{1,16})");
  const std::filesystem::path file(path);
  const std::string name = file.filename().string();
  std::smatch part;
  if (name.size() > 255 || !std::regex_match(name, part, kShard) || part[3] == "1") return;
  const std::filesystem::path index = file.parent_path() / (part[1].str() + part[4].str() + ".index.json");
  const bool there = std::filesystem::exists(index);
  throw Error(ErrorKind::BadInput, "",
              "'" + path + "' is shard " + part[2].str() + " of " + part[3].str() + " of a model, not all of it",
              there ? "name the index, which says where every tensor is: '" + index.string() + "'"
                    : "its index '" + index.filename().string() + "' and the other shards belong beside it");
}

/// Is the config of this network, as far as it says: "resnet18.a1_in1k", "mobilenetv1_100"?
bool is_about(const HubConfig& hub, const std::string& arch) {
  std::string name = hub.architecture, wanted = arch;
  std::erase(name, '_');
  std::erase(wanted, '_');
  return name.empty() || name.starts_with(wanted);
}

Tensor zeros_of(const std::vector<std::int64_t>& shape) {
  Dims dims;
  for (const std::int64_t d : shape) dims.push_back(d);
  return zeros(dims);
}

/// Is it one that the file leaves out because it is 0 there?
bool is_zero(const ExternalModel& external, const std::string& name) {
  const std::vector<std::string>& zeros = external.plan.zeros;
  return std::find(zeros.begin(), zeros.end(), name) != zeros.end();
}

}  // namespace

void bind_external(Fields& fields, ExternalOptions& o, const std::string& prefix, const std::string& group,
                   bool given) {
  fields.group(group);
  const auto add = [&](const std::string& name, std::string& value, const std::string& text) {
    return fields.find(prefix + name) ? nullptr : &fields.add(prefix + name, value, text);
  };
  const std::string file = "weights from elsewhere: ";
  if (!given) {
    if (Field* arch = add("arch", o.arch, file + "the network they are of; empty: found from the tensors"))
      arch->checked_by([](const std::string& name) {
        if (!name.empty()) architecture(name);
      });
    add("conventions", o.variant, file + variant_list() + "; empty: what the file says");
    add("stem", o.stem, file + "imagenet or small; empty: found from the tensors");
  }
  add("map", o.map, file + "file of lines 'from = to' for names that fledge does not know");
  o.ema_flag = "--" + prefix + "ema";
  fields.add_switch(prefix + "ema", o.ema, file + "of a checkpoint with plain and averaged (EMA) ones, the averaged");
}

std::set<std::string> unused_names(const WeightFile& file) {
  std::set<std::string> names;
  const auto it = file.info().metadata.find("dead");
  if (it == file.info().metadata.end()) return names;
  std::istringstream lines(it->second);
  for (std::string line; std::getline(lines, line);) names.insert(line);
  return names;
}

std::string describe(const WeightFile& file) {
  const WeightFileInfo& info = file.info();
  const std::string what = info.container == "stacked" ? "stacked pickles" : info.container;
  return what + ", " + std::to_string(file.tensors().size()) + " tensors, " + printable(info.root);
}

ExternalModel recognize(std::shared_ptr<WeightFile> file, const ExternalOptions& options) {
  ExternalModel external;
  refuse_single_shard(file->path());
  external.file = std::move(file);
  const WeightSets sets = weight_sets(*external.file);
  if (options.ema && sets.folder.empty())
    throw Error(ErrorKind::Usage, "", options.ema_flag + ": '" + external.file->path() + "' holds no averaged weights",
                "leave it out");
  const bool averaged = !sets.folder.empty() && (options.ema || !sets.plain_network);
  external.hub = hub_config_beside(external.file->path());
  ImportOptions import{.arch = options.arch,
                       .variant = options.variant.empty() ? external.hub.variant : options.variant,
                       .stem = options.stem,
                       .map = read_map(options.map)};
  for (const auto& [name, layer] : external.file->info().layers) {
    const LayerFacts facts{layer.kind, layer.stride, layer.padding, layer.eps};
    if (!averaged)
      import.facts[name] = facts;
    else if (name.starts_with(sets.folder))
      import.facts[name.substr(sets.folder.size())] = facts;
  }
  external.tensors = averaged ? sets.averaged : sets.plain;
  std::vector<NamedShape> shapes;
  for (const StoredTensor& t : external.tensors) shapes.push_back({t.name, t.shape});
  try {
    external.plan = plan_import(shapes, import);
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::Usage) throw;
    throw Error(e.kind(), "",
                "cannot use '" + external.file->path() + "'" + (options.arch.empty() ? "" : " as " + options.arch) +
                    ": " + e.problem() + "; the file: " + describe(*external.file),
                (e.hint().empty() ? "" : e.hint() + "; ") +
                    (sets.folder.empty() || averaged ? "" : options.ema_flag + " takes the averaged weights; ") +
                    "'fledge inspect " + external.file->path() + "' lists all tensors");
  }
  if (!is_about(external.hub, external.plan.spec.arch)) {
    const std::string name = printable(external.hub.architecture.substr(0, 40));
    external.hub = {};
    external.hub.notes.push_back("config.json beside the weights is not used: it is about '" + name + "'");
  }
  if (!sets.folder.empty()) external.plan.notes.push_back(sets_note(sets, averaged, options));
  external.plan.notes.insert(external.plan.notes.end(), external.hub.notes.begin(), external.hub.notes.end());
  return external;
}

StateEntry entry_of(const std::string& name, const WeightFile& file, const StoredTensor& tensor) {
  return {name, tensor.shape, [&file, tensor] { return file.load(tensor); }};
}

std::vector<StateEntry> entries_of(const ExternalModel& external) {
  std::vector<StateEntry> entries;
  for (const auto& place : external.plan.placed)
    entries.push_back(entry_of(place.target, *external.file, external.tensors[place.source]));
  if (external.plan.zeros.empty()) return entries;
  for (const NamedShape& own : shapes_of(external.plan.spec))
    if (is_zero(external, own.name)) entries.push_back({own.name, own.shape, [own] { return zeros_of(own.shape); }});
  return entries;
}

TensorToSave checked_weight(TensorToSave tensor) {
  const Sound wanted = wanted_of(tensor.name);
  if (is_batch_counter(tensor.name)) return tensor;
  const auto type = dtype_for(tensor.type);
  if (!type)
    throw Error(ErrorKind::BadInput, "",
                "tensor '" + printable(tensor.name) + "' is of the type " + info_of(tensor.type).name +
                    ", in which fledge does not compute",
                "write it as float32, float16 or bfloat16 first");
  if (!is_floating(*type)) refuse_whole_numbers(tensor.name);
  return checked(std::move(tensor), wanted, "the file is damaged, or its training diverged: take an earlier one");
}

std::vector<TensorToSave> tensors_to_save(const ExternalModel& external, bool with_unused) {
  std::map<std::string, std::size_t> sources;
  for (const auto& place : external.plan.placed) sources[place.target] = place.source;
  std::vector<TensorToSave> list;
  for (const NamedShape& own : shapes_of(external.plan.spec)) {
    const auto it = sources.find(own.name);
    if (it == sources.end() && is_zero(external, own.name)) {
      list.push_back(to_save(own.name, zeros_of(own.shape)));
    } else if (it == sources.end() && is_batch_counter(own.name)) {
      list.push_back(to_save(own.name, zeros({}, DType::Int64)));
    } else {
      list.push_back(to_save(own.name, *external.file, external.tensors[it->second]));
      list.back().shape = own.shape;  // a counter may have been a list of one
    }
  }
  for (TensorToSave& t : list) t = checked_weight(std::move(t));
  if (!with_unused) return list;
  for (const std::size_t i : external.plan.unused) {
    const std::string& name = external.tensors[i].name;
    const bool taken = std::any_of(list.begin(), list.end(), [&](const TensorToSave& t) { return t.name == name; });
    list.push_back(to_save((taken ? "dead." : "") + name, *external.file, external.tensors[i]));
  }
  return list;
}

}  // namespace fledge
