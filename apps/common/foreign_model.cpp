#include "apps/common/foreign_model.h"

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "io/file.h"
#include "io/weights/finite_bytes.h"
#include "io/weights/printable.h"
#include "kernels/api/error.h"
#include "nn/state_dict.h"
#include "tensor/creation.h"

namespace fledge {
namespace {

/// Tensors of a checkpoint that are no weights, by the first part of their names.
bool is_training_state(const std::string& name) {
  static const std::set<std::string> kKeys = {"optimizer", "optimizer_state_dict", "optim",  "optim_state_dict",
                                              "scheduler", "lr_scheduler",         "scaler", "amp"};
  return kKeys.count(name.substr(0, name.find('.'))) > 0;
}

NameMap read_map(const std::string& path) {
  if (path.empty()) return {};
  const auto bytes = read_file(path);
  return parse_name_map(std::string(bytes.begin(), bytes.end()), path);
}

}  // namespace

void bind_foreign(CLI::App& verb, ForeignOptions& o, const std::string& prefix, const std::string& group) {
  const auto add = [&](const std::string& name, std::string& value, const std::string& text) {
    if (!verb.get_option_no_throw("--" + prefix + name))
      verb.add_option("--" + prefix + name, value, text)->group(group);
  };
  const std::string file = "weights from elsewhere: ";
  add("arch", o.arch, file + "the network they are of; empty: found from the tensors");
  add("conventions", o.conventions,
      file + "torch, torch-relu6, keras (MobileNet), stride-1x1 (ResNet-50 and deeper); empty: what the file says");
  add("stem", o.stem, file + "imagenet or small; empty: found from the tensors");
  add("map", o.map, file + "file of lines 'from = to' for names that fledge does not know");
}

std::set<std::string> dead_names(const WeightFile& file) {
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

ForeignModel recognise(std::shared_ptr<WeightFile> file, const ForeignOptions& options) {
  ForeignModel foreign;
  std::vector<NamedShape> shapes;
  const std::set<std::string> dead = dead_names(*file);
  // An object that is no module (a trainer, an agent) may hold one among its attributes.
  for (const StoredTensor& t : file->tensors().empty() ? file->others() : file->tensors())
    if (!t.aside && !is_training_state(t.name) && !dead.count(t.name)) {
      foreign.tensors.push_back(t);
      shapes.push_back({t.name, t.shape});
    }
  foreign.file = std::move(file);
  ImportOptions import{
      .arch = options.arch, .conventions = options.conventions, .stem = options.stem, .map = read_map(options.map)};
  for (const auto& [name, layer] : foreign.file->info().layers)
    import.facts[name] = {layer.kind, layer.stride, layer.padding, layer.eps};
  try {
    foreign.plan = plan_import(shapes, import);
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::Usage) throw;
    throw Error(
        e.kind(), "",
        "cannot use '" + foreign.file->path() + "'" + (options.arch.empty() ? "" : " as " + options.arch) + ": " +
            e.problem() + "\n  file   : " + describe(*foreign.file),
        (e.hint().empty() ? "" : e.hint() + "; ") + "'fledge inspect " + foreign.file->path() + "' lists all tensors");
  }
  return foreign;
}

StateEntry entry_of(const std::string& name, const WeightFile& file, const StoredTensor& tensor) {
  return {name, tensor.shape, [&file, tensor] { return file.load(tensor); }};
}

std::vector<StateEntry> entries_of(const ForeignModel& foreign) {
  std::vector<StateEntry> entries;
  for (const auto& place : foreign.plan.placed)
    entries.push_back(entry_of(place.target, *foreign.file, foreign.tensors[place.source]));
  return entries;
}

TensorToSave checked_weight(TensorToSave tensor) {
  const Sound wanted = wanted_of(tensor.name);
  return checked(std::move(tensor), wanted, "the file is damaged, or its training diverged: take an earlier one");
}

std::vector<TensorToSave> tensors_to_save(const ForeignModel& foreign, bool dead) {
  std::map<std::string, std::size_t> sources;
  for (const auto& place : foreign.plan.placed) sources[place.target] = place.source;
  std::vector<TensorToSave> list;
  for (const NamedShape& own : shapes_of(foreign.plan.spec)) {
    const auto it = sources.find(own.name);
    if (it == sources.end() && is_batch_counter(own.name)) {
      list.push_back(to_save(own.name, zeros({}, DType::Int64)));
    } else {
      list.push_back(to_save(own.name, *foreign.file, foreign.tensors[it->second]));
      list.back().shape = own.shape;  // a counter may have been a list of one
    }
  }
  for (TensorToSave& t : list) t = checked_weight(std::move(t));
  if (!dead) return list;
  for (const std::size_t i : foreign.plan.dead) {
    const std::string& name = foreign.tensors[i].name;
    const bool taken = std::any_of(list.begin(), list.end(), [&](const TensorToSave& t) { return t.name == name; });
    list.push_back(to_save((taken ? "dead." : "") + name, *foreign.file, foreign.tensors[i]));
  }
  return list;
}

}  // namespace fledge
