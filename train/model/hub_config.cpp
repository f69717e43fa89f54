#include "train/model/hub_config.h"

#include <fmt/format.h>

#include <set>

#include <array>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/printable.h"
#include "data/views/transforms.h"
#include "io/json_file.h"

namespace fledge {
namespace {

using nlohmann::json;

constexpr JsonBounds kBounds{.bytes = std::size_t{1} << 20, .depth = 16};
constexpr int kMaxSide = 4096;

/// One of the files, and where in it the values are.
struct Source {
  std::string path, name;
  json values;

  [[noreturn]] void refuse(const std::string& key, const std::string& problem) const {
    throw Error(
        ErrorKind::BadInput, "", "'" + path + "': \"" + key + "\" " + problem,
        "the file is of other weights or damaged; move it away, and say --normalize, --size and --resize-short");
  }
  /// Null when it is not there.
  const json* find(const char* key) const {
    const auto it = values.find(key);
    return it == values.end() || it->is_null() ? nullptr : &*it;
  }
};

std::optional<Source> read(const std::string& weight_file, const char* name, std::vector<std::string>& notes) {
  const std::filesystem::path path = std::filesystem::path(weight_file).parent_path() / name;
  std::error_code none;
  if (!std::filesystem::is_regular_file(path, none)) return std::nullopt;
  try {
    return Source{path.string(), name, read_json_object(path.string(), kBounds)};
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::BadInput) throw;
    notes.push_back(std::string(name) + " beside the weights is not used: " + printable(e.problem()));
    return std::nullopt;
  }
}

/// Three numbers for the channels; none when the key is not there.
std::optional<std::array<float, 3>> channels(const Source& from, const char* key, double above, double below) {
  const json* list = from.find(key);
  if (!list) return std::nullopt;
  std::array<float, 3> values{};
  const std::string wanted = fmt::format("must be three numbers from {} to {}", above, below);
  if (!list->is_array() || list->size() != 3) from.refuse(key, wanted);
  for (std::size_t c = 0; c < 3; ++c) {
    const json& v = (*list)[c];
    const double value = v.is_number() ? v.get<double>() : std::nan("");
    if (!(value >= above && value <= below)) from.refuse(key, wanted);
    values[c] = v.get<float>();
  }
  return values;
}

std::optional<int> side(const Source& from, const char* key, const json& value) {
  const double number = value.is_number() ? value.get<double>() : 0;
  if (!(number >= 1 && number <= kMaxSide) || number != std::floor(number))
    from.refuse(key, fmt::format("must be a whole number of pixels from 1 to {}", kMaxSide));
  return static_cast<int>(number);
}

double crop_part(const Source& from, double usual) {
  const json* value = from.find("crop_pct");
  if (!value) return usual;
  const double part = value->is_number() ? value->get<double>() : 0;
  if (!(part > 0.1 && part <= 1)) from.refuse("crop_pct", "must be a number above 0.1, at most 1");
  return part;
}

void take_normalization(const Source& from, const char* mean_key, const char* std_key, HubConfig& config) {
  const auto mean = channels(from, mean_key, 0, 1), deviation = channels(from, std_key, 1e-3, 10);
  if (!mean != !deviation) from.refuse(mean ? std_key : mean_key, "is missing beside the other");
  if (!mean) return;
  Normalization n;
  for (int c = 0; c < 3; ++c) n.mean[c] = (*mean)[c], n.std[c] = (*deviation)[c];
  config.normalize = n.name();
}

void note_taken(const Source& from, HubConfig& config) {
  std::string note;
  const auto add = [&](const std::string& part) { note += (note.empty() ? "" : ", ") + part; };
  if (!config.normalize.empty()) {
    const Normalization n = Normalization::named(config.normalize);
    add(fmt::format("mean {} {} {}, std {} {} {}", n.mean[0], n.mean[1], n.mean[2], n.std[0], n.std[1], n.std[2]));
  }
  if (config.size) add(fmt::format("size {}", *config.size));
  if (config.resize_short) add(fmt::format("short side {}", *config.resize_short));
  if (!note.empty())
    config.notes.push_back("pictures: " + note + ", as " + from.name + " says where no flag says otherwise");
  const json* way = from.find("interpolation");
  if (way && way->is_string() && *way != "bilinear")
    config.notes.push_back("pictures: " + from.name + " says interpolation '" +
                           printable(way->get<std::string>().substr(0, 40)) + "', fledge resizes bilinearly");
}

/// Keys that change pixels in a way that fledge does not follow.
void note_others(const Source& from, const std::vector<std::pair<const char*, json>>& followed, HubConfig& config) {
  std::string others;
  for (const auto& [key, value] : followed)
    if (const json* said = from.find(key); said && *said != value)
      others += (others.empty() ? "" : ", ") + std::string(key) + " " + printable(said->dump().substr(0, 40));
  if (!others.empty())
    config.notes.push_back("warning: " + from.name + " says " + others +
                           ", which fledge does not do: pictures are seen otherwise");
}

/// Keys by which timm builds another network on the same weights.
void note_other_network(const Source& from, HubConfig& config) {
  static const std::set<std::string> kHarmless = {"num_classes", "img_size", "drop_rate",  "drop_path_rate",
                                                  "pretrained",  "no_jit",   "scriptable", "exportable"};
  std::string others;
  const auto add = [&](const std::string& key, const json& value) {
    others += (others.empty() ? "" : ", ") + printable((key + " " + value.dump()).substr(0, 60));
  };
  if (const json* pool = from.find("global_pool"); pool && *pool != "avg") add("global_pool", *pool);
  if (const json* arguments = from.find("model_args"); arguments && arguments->is_object())
    for (const auto& [key, value] : arguments->items())
      if (!kHarmless.contains(key) && !(key == "global_pool" && value == "avg") && !(key == "in_chans" && value == 3))
        add(key, value);
  if (!others.empty())
    config.notes.push_back("warning: " + from.name + " says " + others +
                           ", which fledge does not follow: its embeddings are those of the usual network");
}

/// timm: the values stand in "pretrained_cfg", in older files at the top.
void take_timm(Source from, HubConfig& config) {
  note_other_network(from, config);
  if (const json* inner = from.find("pretrained_cfg"); inner && inner->is_object()) from.values = json(*inner);
  take_normalization(from, "mean", "std", config);
  if (const json* input = from.find("input_size")) {
    if (!input->is_array() || input->size() != 3 || (*input)[0] != 3 || (*input)[1] != (*input)[2])
      from.refuse("input_size", "must be [3, SIDE, SIDE]");
    config.size = side(from, "input_size", (*input)[1]);
    const double part = crop_part(from, 0.875);  // as timm cuts it: to the whole pixel below
    config.resize_short = static_cast<int>(std::floor(*config.size / part));
  }
  note_others(from, {{"crop_mode", "center"}}, config);
  note_taken(from, config);
}

/// An edge of Hugging Face's sizes: 224, {"shortest_edge": 224}, {"height": 224, "width": 224}.
std::optional<int> edge(const Source& from, const char* key) {
  const json* value = from.find(key);
  if (!value) return std::nullopt;
  if (!value->is_object()) return side(from, key, *value);
  if (value->contains("shortest_edge")) return side(from, key, (*value)["shortest_edge"]);
  if (!value->contains("height") || !value->contains("width") || (*value)["height"] != (*value)["width"])
    from.refuse(key, "must be a number, a shortest_edge, or equal height and width");
  return side(from, key, (*value)["height"]);
}

/// The processor that Hugging Face's ResNets have: it enlarges and cuts also where crop_pct is not said.
bool is_convnext(const Source& from) {
  for (const char* key : {"image_processor_type", "feature_extractor_type"})
    if (const json* kind = from.find(key); kind && kind->is_string())
      return kind->get<std::string>().starts_with("ConvNext");
  return false;
}

void take_processor(const Source& from, HubConfig& config) {
  constexpr int kNoCropFrom = 384;  // ConvNext's processor, which ResNets have: pictures so large are not cropped
  take_normalization(from, "image_mean", "image_std", config);
  if (const json* wanted = from.find("do_normalize"); wanted && *wanted == false) config.normalize = "0,0,0/1,1,1";
  const auto size = edge(from, "size"), crop = edge(from, "crop_size");
  if (size && (from.find("crop_pct") || (!crop && is_convnext(from)))) {
    config.size = *size;
    const double part = crop_part(from, 224.0 / 256);  // ConvNextImageProcessor's own
    config.resize_short = *size < kNoCropFrom ? static_cast<int>(*size / part) : *size;
  } else if (size) {
    config.size = crop.value_or(*size);
    config.resize_short = *size;
  }
  constexpr int kBilinear = 2;  // as Pillow numbers them
  note_others(from,
              {{"do_rescale", true},
               {"do_resize", true},
               {"do_center_crop", true},
               {"do_flip_channel_order", false},
               {"resample", kBilinear}},
              config);
  if (const json* factor = from.find("rescale_factor");
      factor && !(factor->is_number() && std::abs(factor->get<double>() * 255 - 1) < 1e-3))
    note_others(from, {{"rescale_factor", 1.0 / 255}}, config);
  note_taken(from, config);
}

/// What Hugging Face's config.json says of a ResNet's layers.
void take_layers(const Source& from, HubConfig& config) {
  const auto text = [&](const char* key) {
    const json* value = from.find(key);
    return value && value->is_string() ? value->get<std::string>() : std::string();
  };
  const auto set = [&](const char* key) {
    const json* value = from.find(key);
    return value && *value == true;
  };
  if (const std::string act = text("hidden_act"); !act.empty() && act != "relu")
    from.refuse("hidden_act", "is '" + printable(act.substr(0, 40)) + "', fledge's ResNets have relu");
  if (set("downsample_in_first_stage")) from.refuse("downsample_in_first_stage", "is true, fledge's ResNets do not");
  if (set("downsample_in_bottleneck") && text("layer_type") != "basic") {
    config.variant = "stride-1x1";
    config.notes.push_back("conventions: stride-1x1, as " + from.name + " says (downsample_in_bottleneck)");
  }
}

}  // namespace

HubConfig hub_config_beside(const std::string& weight_file) {
  HubConfig config;
  const std::optional<Source> own = read(weight_file, "config.json", config.notes);
  if (own && (own->find("pretrained_cfg") || (own->find("architecture") && own->find("mean")))) {
    if (const json* name = own->find("architecture"); name && name->is_string())
      config.architecture = name->get<std::string>();
    take_timm(*own, config);
    return config;
  }
  const json* type = own ? own->find("model_type") : nullptr;
  if (!type || *type != "resnet") return config;
  take_layers(*own, config);
  if (const auto processor = read(weight_file, "preprocessor_config.json", config.notes))
    take_processor(*processor, config);
  return config;
}

}  // namespace fledge
