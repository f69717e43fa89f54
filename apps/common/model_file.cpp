#include "apps/common/model_file.h"

#include <filesystem>

#include "apps/common/checkpoint.h"
#include "io/checkpoint/safetensors.h"
#include "kernels/api/error.h"
#include "nn/state_dict.h"

namespace fledge {
namespace {

namespace fs = std::filesystem;

int metadata_int(const std::map<std::string, std::string>& metadata, const std::string& key, const std::string& path) {
  const auto it = metadata.find(key);
  try {
    if (it != metadata.end()) return std::stoi(it->second);
  } catch (const std::exception&) {
  }
  throw Error(ErrorKind::BadInput, "", "'" + path + "': metadata '" + key + "' is missing or no number");
}

}  // namespace

std::string resolve_normalize(const std::string& name, const ModelSpec& spec) {
  if (name != "auto") return name;
  return spec.conventions == "keras" ? "keras" : "imagenet";
}

std::map<std::string, std::string> model_metadata(const EmbeddingModel& model, const Preprocessing& preprocessing) {
  auto metadata = model.spec().to_map();
  metadata["format"] = "fledge-model-1";
  metadata["input_normalize"] = preprocessing.normalize;
  metadata["size"] = std::to_string(preprocessing.size);
  metadata["resize_short"] = std::to_string(preprocessing.resize_short);
  return metadata;
}

LoadedModel load_model(const std::string& path) {
  fs::path file = path;
  if (!fs::exists(file))
    throw Error(ErrorKind::BadInput, "", "cannot open model '" + path + "': no such file or folder");
  if (fs::is_directory(file / "checkpoints")) file = newest_checkpoint(path, false).value_or("");
  if (file.empty())
    throw Error(ErrorKind::BadInput, "", "run folder '" + path + "' holds no sound checkpoint",
                "train it first, or name a model file");
  if (fs::is_directory(file)) file /= "model.safetensors";

  const SafetensorsFile data = load_safetensors(file.string());
  auto metadata = data.metadata;
  if (metadata["format"] != "fledge-model-1")
    throw Error(ErrorKind::BadInput, "",
                "'" + file.string() + "' is no fledge model: its metadata name no architecture",
                "for bare backbone weights use --weights FILE with --arch and --width");
  LoadedModel loaded;
  loaded.source = file.string();
  loaded.preprocessing.normalize = metadata["input_normalize"];
  loaded.preprocessing.size = metadata_int(metadata, "size", loaded.source);
  loaded.preprocessing.resize_short = metadata_int(metadata, "resize_short", loaded.source);
  for (const char* own : {"format", "input_normalize", "size", "resize_short"}) metadata.erase(own);
  loaded.model = std::make_shared<EmbeddingModel>(ModelSpec::from_map(metadata), 0);
  try {
    load_state_dict(*loaded.model, data.tensors);
  } catch (const Error& e) {
    throw Error(e.kind(), "",
                "cannot use '" + loaded.source + "' as " + loaded.model->spec().describe() + ": " + e.problem(),
                e.hint());
  }
  loaded.model->eval();
  loaded.model->set_requires_grad(false);
  return loaded;
}

std::string load_backbone_weights(EmbeddingModel& model, const std::string& path) {
  const SafetensorsFile data = load_safetensors(path);
  LoadOptions options;
  options.may_miss = {"feat."};
  options.may_ignore = {"fc.", "base.fc.", "Embed.", "classifier."};
  try {
    const LoadReport report = load_state_dict(model, data.tensors, options);
    return "weights: " + std::to_string(report.loaded.size()) + " tensors from " + path +
           (report.missing.empty() ? "" : " (new head)");
  } catch (const Error& e) {
    throw Error(e.kind(), "", "cannot use '" + path + "' as " + model.spec().describe() + ": " + e.problem(),
                e.hint().empty() ? "check --arch, --width and --conventions" : e.hint());
  }
}

}  // namespace fledge
