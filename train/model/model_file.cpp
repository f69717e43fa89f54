#include "train/model/model_file.h"

#include <charconv>
#include <filesystem>
#include <set>

#include "base/error.h"
#include "data/views/degradation.h"
#include "data/views/transforms.h"
#include "nn/import/own_names.h"
#include "nn/state_dict.h"
#include "train/run/checkpoint.h"

namespace fledge {
namespace {

namespace fs = std::filesystem;

constexpr const char *kFormat = "fledge-model-1", *kAnyFormat = "fledge-model-";

[[noreturn]] void bad_metadata(const std::string& path, const std::string& key, const std::string& problem) {
  throw Error(ErrorKind::BadInput, "", "cannot use model '" + path + "': its metadata '" + key + "' " + problem,
              "the file was changed, or is of another version of fledge: take the one that training or convert wrote");
}

/// What `read` says of a value, as a fault of the file.
template <class Read>
auto of_metadata(const std::string& path, const std::string& key, Read read) {
  try {
    return read();
  } catch (const Error& e) {
    bad_metadata(path, key, "cannot be used: " + e.problem());
  }
}

/// The ranges are those of --size and --test-resize-short.
int metadata_int(const std::map<std::string, std::string>& metadata, const std::string& key, const std::string& path,
                 int least, int most) {
  const auto it = metadata.find(key);
  if (it == metadata.end()) bad_metadata(path, key, "is missing");
  int value = 0;
  const char *begin = it->second.data(), *end = begin + it->second.size();
  const auto [stop, error] = std::from_chars(begin, end, value);
  if (error != std::errc() || stop != end || value < least || value > most)
    bad_metadata(
        path, key,
        "is '" + it->second + "', not a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  return value;
}

/// load_state_dict, with the file's name in its errors.
LoadReport fill(EmbeddingModel& model, const WeightFile& file, const std::vector<StateEntry>& entries,
                const LoadOptions& options = {}) {
  try {
    return load_state_dict(model, entries, options);
  } catch (const Error& e) {
    throw Error(e.kind(), "", "cannot use '" + file.path() + "' as " + model.spec().describe() + ": " + e.problem(),
                e.hint());
  }
}

void fill_own(EmbeddingModel& model, const WeightFile& file) {
  const std::set<std::string> unused = unused_names(file);  // kept by `fledge convert`: no fault
  std::vector<StateEntry> entries;
  for (const StoredTensor& t : file.tensors())
    if (!unused.count(t.name)) entries.push_back(entry_of(t.name, file, t));
  fill(model, file, entries);
}

/// A backbone for `model`, told apart by what a user can set.
void check_same_network(const ModelSpec& found, const EmbeddingModel& model, const std::string& path) {
  const ModelSpec& wanted = model.spec();
  const bool same = found.arch == wanted.arch && found.stem == wanted.stem && found.variant == wanted.variant &&
                    model.backbone().feature_map_channels() ==
                        EmbeddingModel::uninitialized(found)->backbone().feature_map_channels();
  const bool head_fits = found.embedding == 0 || wanted.embedding == 0 || found.embedding == wanted.embedding;
  if (same && head_fits) return;
  throw Error(
      ErrorKind::BadInput, "", "cannot use '" + path + "' as " + wanted.describe() + ": it holds " + found.describe(),
      same ? "say --embedding " + std::to_string(found.embedding) + ", or drop its head with 'fledge convert --map'"
           : "say --arch " + found.arch + " --conventions " + found.variant + " and the width that it has");
}

}  // namespace

std::string small_crop(const Preprocessing& p) {
  if (p.resize_short == 0 || 2 * p.size >= p.resize_short) return "";
  const std::string side = std::to_string(p.size), whole = std::to_string(p.resize_short);
  return "of each picture only the middle " + side + " x " + side + " pixels of a short side of " + whole +
         " are seen; 256/224 of the size is usual: a short side of " + std::to_string((p.size * 256 + 112) / 224);
}

std::string weight_file_of(const std::string& path) {
  fs::path file = path;
  if (!fs::exists(file))
    throw Error(ErrorKind::BadInput, "", "cannot open model '" + path + "': no such file or folder");
  if (fs::is_directory(file / "checkpoints")) file = result_checkpoint(path).value_or("");
  if (file.empty())
    throw Error(ErrorKind::BadInput, "", "run folder '" + path + "' holds no sound checkpoint",
                "train it first, or name a model file");
  if (!fs::is_directory(file)) return file.string();
  for (const char* name :
       {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"})
    if (fs::exists(file / name)) return (file / name).string();
  return (file / "model.safetensors").string();
}

std::string resolve_normalize(const std::string& name, const ModelSpec& spec) {
  if (name != "auto") return name;
  if (const Architecture* row = find_architecture(spec.arch))
    for (const ModelVariant& variant : row->variants)
      if (variant.name == spec.variant) return variant.normalize;
  return "imagenet";
}

Preprocessing preprocessing_of(const ModelSpec& spec) {
  Preprocessing p;
  p.normalize = resolve_normalize("auto", spec);
  if (spec.stem == "small") p.size = 32, p.resize_short = 32;
  return p;
}

Preprocessing preprocessing_of(const ExternalModel& external) {
  Preprocessing p = preprocessing_of(external.plan.spec);
  if (!external.hub.normalize.empty()) p.normalize = external.hub.normalize;
  p.size = external.hub.size.value_or(p.size);
  p.resize_short = external.hub.resize_short.value_or(p.resize_short);
  return p;
}

std::map<std::string, std::string> model_metadata(const ModelSpec& spec, const Preprocessing& preprocessing) {
  auto metadata = spec.to_map();
  metadata["format"] = kFormat;
  metadata["input_normalize"] = preprocessing.normalize;
  metadata["size"] = std::to_string(preprocessing.size);
  metadata["resize_short"] = std::to_string(preprocessing.resize_short);
  if (!preprocessing.degrade.empty()) metadata["input_degrade"] = preprocessing.degrade;
  if (preprocessing.box) metadata["input_box"] = "on";
  return metadata;
}

bool is_model_file(const WeightFile& file) {
  const auto& metadata = file.info().metadata;
  const auto format = metadata.find("format");
  if (format == metadata.end() || !format->second.starts_with(kAnyFormat)) return false;
  if (format->second != kFormat)
    bad_metadata(file.path(), "format", "is '" + format->second + "', known is " + kFormat);
  return true;
}

ModelSpec spec_of(const WeightFile& file, Preprocessing& preprocessing) {
  auto metadata = file.info().metadata;
  preprocessing.normalize = metadata["input_normalize"];
  preprocessing.size = metadata_int(metadata, "size", file.path(), 8, 4096);
  preprocessing.resize_short = metadata_int(metadata, "resize_short", file.path(), 0, 8192);
  preprocessing.degrade = metadata["input_degrade"];
  preprocessing.box = metadata["input_box"] == "on";
  if (!preprocessing.box && !metadata["input_box"].empty())
    bad_metadata(file.path(), "input_box", "is '" + metadata["input_box"] + "', known is on");
  of_metadata(file.path(), "input_normalize", [&] { return Normalization::named(preprocessing.normalize); });
  of_metadata(file.path(), "input_degrade", [&] { return parse_degradation(preprocessing.degrade); });
  for (const char* own : {"format", "input_degrade", "input_box", "input_normalize", "size", "resize_short", "labels",
                          "labels_sha256", "dead", "converted_from"})
    metadata.erase(own);
  return of_metadata(file.path(), "of the network", [&] { return ModelSpec::from_map(metadata); });
}

void refuse_external_flags(const std::string& path, const ExternalOptions& options, const ModelSpec& own) {
  const auto refuse = [&](const std::string& flag, const std::string& what) {
    const std::string prefix = options.ema_flag.substr(0, options.ema_flag.size() - 3);  // "ema"
    throw Error(ErrorKind::Usage, "", prefix + flag + " says nothing of '" + path + "', which is " + what,
                "leave it out");
  };
  if (options.ema) refuse("ema", "a model of fledge's own");
  if (!options.map.empty()) refuse("map", "a model of fledge's own");
  const auto is = [](const std::string& said, const std::string& known) { return said.empty() || said == known; };
  if (!is(options.arch, own.arch)) refuse("arch", "a " + own.arch + " by its metadata");
  if (!is(options.variant, own.variant)) refuse("conventions", "of " + own.variant + " by its metadata");
  if (!is(options.stem, own.stem)) refuse("stem", "of the stem " + own.stem + " by its metadata");
}

LoadedModel load_model(const std::string& path, const ExternalOptions& options) {
  const auto file = std::make_shared<WeightFile>(weight_file_of(path));
  LoadedModel loaded;
  loaded.source = file->path();
  if (is_model_file(*file)) {
    const ModelSpec spec = spec_of(*file, loaded.preprocessing);
    refuse_external_flags(path, options, spec);
    loaded.model = EmbeddingModel::uninitialized(spec);
    fill_own(*loaded.model, *file);
  } else {
    const ExternalModel external = recognize(file, options);
    loaded.preprocessing = preprocessing_of(external);
    loaded.model = EmbeddingModel::uninitialized(external.plan.spec);
    loaded.notes = external.plan.notes;
    fill(*loaded.model, *file, entries_of(external));
  }
  loaded.model->eval();
  loaded.model->set_requires_grad(false);
  return loaded;
}

std::string load_backbone_weights(EmbeddingModel& model, const std::string& path, const ExternalOptions& given) {
  const auto file = std::make_shared<WeightFile>(weight_file_of(path));
  const ModelSpec& spec = model.spec();
  ExternalOptions options = given;
  options.arch = spec.arch, options.variant = {}, options.stem = {};
  if (is_model_file(*file)) {  // it says itself what no shape shows
    Preprocessing unused;
    const ModelSpec own = spec_of(*file, unused);
    options.variant = own.variant, options.stem = own.stem;
    if (own.arch != spec.arch) options.arch = own.arch;  // check_same_network says what is wrong
  } else if (spec.variant != "torch" || !external_names(spec.arch).shapes_tell_stem) {
    options.variant = spec.variant, options.stem = spec.stem;
  }
  const ExternalModel external = recognize(file, options);
  check_same_network(external.plan.spec, model, path);
  std::vector<StateEntry> entries = entries_of(external);
  const bool take_head = spec.embedding > 0;
  std::erase_if(entries, [&](const StateEntry& e) {
    return e.name.starts_with("fc.") || (!take_head && e.name.starts_with("feat."));
  });
  const LoadReport report = fill(model, *file, entries, {.may_miss = {"feat.", "fc."}, .may_ignore = {}});
  const bool new_head = take_head && external.plan.spec.embedding == 0;
  std::string text =
      "weights: " + std::to_string(report.loaded.size()) + " tensors from " + path + (new_head ? " (new head)" : "");
  for (const std::string& note : external.plan.notes)  // which of two sets, and pictures prepared in another way
    if (note.starts_with("weights: ") || note.starts_with("pictures: ") || note.starts_with("config.json"))
      text += "; " + note.substr(note.starts_with("weights: ") ? 9 : 0);
  return text;
}

}  // namespace fledge
