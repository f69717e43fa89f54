#include "apps/index/index_info.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/escape.h"
#include "base/printable.h"
#include "data/datasets/layouts.h"
#include "data/views/transforms.h"
#include "io/folder.h"
#include "io/json_file.h"
#include "nn/state_dict.h"
#include "train/compute.h"
#include "train/spec/words.h"

namespace fledge {
namespace {

constexpr const char* kFormat = "fledge-index-1";
using Json = nlohmann::ordered_json;

std::string digits(XXH128_hash_t h) { return fmt::format("{:016x}{:016x}", h.high64, h.low64); }

class RunningChecksum {
 public:
  RunningChecksum() : state_(XXH3_createState(), &XXH3_freeState) {
    if (!state_) throw std::bad_alloc();
    XXH3_128bits_reset(state_.get());
  }
  void add(const void* data, std::size_t size) { XXH3_128bits_update(state_.get(), data, size); }
  void add(const std::string& text) { add(text.c_str(), text.size() + 1); }  // with its end
  std::string text() const { return digits(XXH3_128bits_digest(state_.get())); }

 private:
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state_;
};

void add_rows(RunningChecksum& sum, const Tensor& t) {
  const Tensor dense = t.contiguous();
  sum.add(std::string(name_of(dense.dtype())) + to_string(dense.dims()));
  sum.add(dense.raw(), static_cast<std::size_t>(dense.numel()) * size_of(dense.dtype()));
}

std::string output_name(Output output) {
  return output == Output::Pooled ? "pooled" : output == Output::Logits ? "logits" : "embedding";
}

/// As people write them: 0.485, not the double next to the float.
std::vector<double> three(const float (&v)[3]) {
  std::vector<double> all;
  for (const float x : v) all.push_back(std::stod(fmt::format("{}", x)));
  return all;
}

/// A pair of values that are to be equal, by the name that the user knows.
struct Compared {
  std::string name, ours, theirs;
};

std::string normalization_text(const Preprocessing& p) {
  const Normalization n = Normalization::named(p.normalize);
  return fmt::format("mean {:g} {:g} {:g}, std {:g} {:g} {:g}", n.mean[0], n.mean[1], n.mean[2], n.std[0], n.std[1],
                     n.std[2]);
}

/// `auto` turns pictures as `on` does, but for published sets, which only the data set knows of.
std::string exif_text(const std::string& choice) { return choice == "off" ? "off" : "on"; }

/// Names of what differs: "--size 64 there, 32 here".
std::string differences(const std::vector<Compared>& all) {
  std::string text;
  for (const Compared& c : all)
    if (c.ours != c.theirs)
      text += fmt::format("{}{} {} in the index, {} here", text.empty() ? "" : "; ", c.name,
                          c.theirs.empty() ? "none" : c.theirs, c.ours.empty() ? "none" : c.ours);
  return text;
}

std::string prepared_otherwise(const IndexInfo& ours, const IndexInfo& theirs) {
  const Preprocessing &a = ours.preprocessing, &b = theirs.preprocessing;
  const auto onoff = [](bool on) { return std::string(on ? "on" : "off"); };
  return differences({{"output", ours.output, theirs.output},
                      {"--size", std::to_string(a.size), std::to_string(b.size)},
                      {"--resize-short", std::to_string(a.resize_short), std::to_string(b.resize_short)},
                      {"--normalize", normalization_text(a), normalization_text(b)},
                      {"--box", onoff(a.box), onoff(b.box)},
                      {"--exif-rotate", exif_text(ours.exif_rotate), exif_text(theirs.exif_rotate)}});
}

template <class T>
T value_in(const nlohmann::json& j, const char* key, const std::string& file) {
  try {
    return j.at(key).get<T>();
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorKind::BadInput, "", fmt::format("'{}': '{}' is missing or of another kind", file, key),
                "write the index anew with 'fledge embed', or remove the file: then nobody knows what wrote the index");
  }
}

}  // namespace

std::string checksum_of(const void* data, std::size_t size) { return digits(XXH3_128bits(data, size)); }

std::string checksum_of(const Tensor& rows) {
  RunningChecksum sum;
  add_rows(sum, rows);
  return sum.text();
}

std::string checksum_of(const EmbeddingModel& model, bool logits) {
  if (model.keeps_folded_weights_alone())
    throw Error(ErrorKind::Internal, "checksum_of", "the model's own weights were given up");
  RunningChecksum sum;
  for (const auto& [key, value] : model.spec().to_map())
    if (logits || key != "classes") sum.add(key + "=" + value);
  for (const auto& [name, tensor] : state_dict(model)) {
    if (is_batch_counter(name) || (!logits && name.starts_with("fc."))) continue;
    sum.add(name);
    add_rows(sum, tensor.to(Device{}));
  }
  return sum.text();
}

std::string root_of(const std::string& source) {
  if (source.empty()) return "";
  std::error_code ignored;
  const auto path = std::filesystem::weakly_canonical(parse_source(source).path, ignored);
  return path.string();
}

IndexInfo index_info(const LoadedModel& model, const EmbedOptions& options, const EvalDataOptions& flags,
                     const MachineSpec& machine) {
  IndexInfo info;
  info.weights = checksum_of(*model.model, options.output == Output::Logits);
  info.network = model.model->spec().describe();
  info.output = output_name(options.output);
  info.preprocessing = options.preprocessing;
  info.exif_rotate = word(flags.pictures.exif_rotate);
  info.precision = word(computed(machine.precision));
  info.source = flags.data;
  info.classes = flags.classes;
  info.root = root_of(flags.data);
  return info;
}

std::string index_file(const std::string& name) { return name + ".index.json"; }

std::string index_json(const IndexInfo& info) {
  const Preprocessing& p = info.preprocessing;
  const Normalization n = Normalization::named(p.normalize);
  Json j = {{"format", kFormat},
            {"version", FLEDGE_VERSION},
            {"model", {{"weights", info.weights}, {"network", info.network}, {"output", info.output}}},
            {"preprocessing",
             {{"size", p.size},
              {"resize_short", p.resize_short},
              {"normalize", p.normalize},
              {"mean", three(n.mean)},
              {"std", three(n.std)},
              {"box", p.box},
              {"degrade", p.degrade},
              {"exif_rotate", info.exif_rotate}}},
            {"precision", info.precision},
            {"data", {{"source", info.source}, {"classes", info.classes}, {"root", info.root}}},
            {"rows", info.rows},
            {"dims", info.dims},
            {"vectors", info.vectors},
            {"table", info.table}};
  return json_text(std::move(j), 1) + "\n";
}

std::optional<IndexInfo> read_index_info(const std::string& name) {
  const std::string file = index_file(name);
  if (kind_of(file) == PathKind::Absent) return std::nullopt;
  const nlohmann::json j = read_json_object(file, {.bytes = 1 << 20, .depth = 8});
  if (value_in<std::string>(j, "format", file) != kFormat)
    throw Error(ErrorKind::BadInput, "", "'" + file + "' is not of the format " + kFormat,
                "it was written by another version: write the index anew with 'fledge embed'");
  const auto text = [&](const nlohmann::json& in, const char* key) { return value_in<std::string>(in, key, file); };
  const auto model = value_in<nlohmann::json>(j, "model", file), p = value_in<nlohmann::json>(j, "preprocessing", file),
             data = value_in<nlohmann::json>(j, "data", file);
  IndexInfo info;
  info.weights = text(model, "weights"), info.network = text(model, "network"), info.output = text(model, "output");
  info.preprocessing.normalize = text(p, "normalize");
  info.preprocessing.size = value_in<int>(p, "size", file);
  info.preprocessing.resize_short = value_in<int>(p, "resize_short", file);
  info.preprocessing.degrade = text(p, "degrade");
  info.preprocessing.box = value_in<bool>(p, "box", file);
  info.exif_rotate = text(p, "exif_rotate"), info.precision = text(j, "precision");
  info.source = unescaped(text(data, "source")), info.classes = text(data, "classes");
  info.root = unescaped(text(data, "root"));
  info.rows = value_in<std::int64_t>(j, "rows", file), info.dims = value_in<std::int64_t>(j, "dims", file);
  info.vectors = text(j, "vectors"), info.table = text(j, "table");
  return info;
}

std::vector<std::string> check_comparable(const std::optional<IndexInfo>& ours, const std::string& what,
                                          const std::optional<IndexInfo>& index, const std::string& name,
                                          bool allowed) {
  if (!ours || !index)
    return {
        printable(fmt::format("'{}' has no {}: which model wrote it, and how its pictures were prepared, is not known",
                              index ? what : name, index_file(index ? what : name)))};
  std::string wrong = prepared_otherwise(*ours, *index);
  if (ours->weights != index->weights) {
    const std::string networks = ours->network == index->network
                                     ? "the weights differ (" + ours->network + ")"
                                     : index->network + " in the index, " + ours->network + " here";
    wrong = "another model: " + networks + (wrong.empty() ? "" : "; ") + wrong;
  }
  std::vector<std::string> notes;
  if (!wrong.empty() && !allowed)
    throw Error(ErrorKind::BadInput, "",
                fmt::format("'{}' and the index '{}' cannot be compared: {}", what, name, wrong),
                "use the model and flags that wrote the index, or write it anew with 'fledge embed'; "
                "--allow-mismatch compares them all the same");
  if (!wrong.empty()) notes.push_back(printable(fmt::format("'{}' and the index '{}' differ: {}", what, name, wrong)));
  const std::string other = differences({{"--degrade", ours->preprocessing.degrade, index->preprocessing.degrade},
                                         {"--precision", ours->precision, index->precision}});
  if (!other.empty()) notes.push_back(printable(fmt::format("'{}' and the index '{}': {}", what, name, other)));
  return notes;
}

}  // namespace fledge
