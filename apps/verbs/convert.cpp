// fledge convert FILE -o OUT: weights of any PyTorch age to a fledge model file, and the way back to PyTorch.
#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "apps/cli/output_files.h"
#include "apps/verbs/verbs.h"
#include "base/error.h"
#include "base/printable.h"
#include "io/checkpoint/safetensors.h"
#include "io/file.h"
#include "io/folder.h"
#include "io/json_file.h"
#include "io/torch/write_torch.h"
#include "io/weights/checksum.h"
#include "train/model/model_file.h"

namespace fledge {
namespace {

struct ConvertOptions {
  std::string file, output, normalize, labels;
  ExternalOptions external;
  int size = 0, resize_short = -1;
  bool drop_unused = false, raw = false, quiet = false;
};

enum class Target { Safetensors, Torch };

Target target_of(const std::string& output) {
  const std::string extension = std::filesystem::path(output).extension().string();
  if (extension == ".safetensors") return Target::Safetensors;
  if (extension == ".pth" || extension == ".pt") return Target::Torch;
  throw Error(ErrorKind::Usage, "", "-o '" + output + "': its ending says no format",
              "end it in .safetensors (fledge, and everyone else) or .pth (PyTorch)");
}

/// What is written, and what is told about it.
struct Conversion {
  std::vector<TensorToSave> tensors;
  std::map<std::string, std::string> metadata;
  std::string summary;
};

std::vector<std::string> read_labels(const std::string& path) {
  const auto bytes = read_file(path);
  std::istringstream lines(std::string(bytes.begin(), bytes.end()));
  std::vector<std::string> labels;
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    labels.push_back(line);
  }
  return labels;
}

/// Class names: a JSON list, and its SHA-256, so that two models can be seen to mean the same by class 17.
void add_labels(Conversion& c, const std::vector<std::string>& labels, const ModelSpec& spec, const ConvertOptions& o) {
  if (labels.empty()) return;
  if (spec.classes > 0 && static_cast<std::int64_t>(labels.size()) != spec.classes) {
    if (o.labels.empty()) return;  // names in a checkpoint that are of something else
    throw Error(
        ErrorKind::Usage, "",
        fmt::format("--labels '{}' has {} names, the classifier {} classes", o.labels, labels.size(), spec.classes));
  }
  c.metadata["labels"] = json_text(nlohmann::json(labels));
  c.metadata["labels_sha256"] = sha256_of(c.metadata["labels"]);
}

void tell(const ConvertOptions& o, const std::string& line) {
  if (!o.quiet) std::fprintf(stderr, "%s\n", line.c_str());
}

Preprocessing with_flags(Preprocessing p, const ConvertOptions& o) {
  if (!o.normalize.empty()) p.normalize = o.normalize;
  if (o.size > 0) p.size = o.size;
  if (o.resize_short >= 0) p.resize_short = o.resize_short;
  Normalization::named(p.normalize);  // throws for a name that does not exist
  if (const std::string text = small_crop(p); !text.empty()) tell(o, "warning: " + text + " (--resize-short)");
  return p;
}

Conversion convert_external(const ExternalModel& external, const ConvertOptions& o) {
  Conversion c;
  const WeightFile& file = *external.file;
  const ModelSpec& spec = external.plan.spec;
  c.tensors = tensors_to_save(external, !o.drop_unused);
  c.metadata = model_metadata(spec, with_flags(preprocessing_of(external), o));
  c.metadata["converted_from"] =
      std::filesystem::path(file.path()).filename().string() + " (" + file.info().writer + ", " + describe(file) + ")";
  add_labels(c, o.labels.empty() ? file.info().labels : read_labels(o.labels), spec, o);
  c.summary = spec.describe();
  for (const auto& note : external.plan.notes) tell(o, note);
  for (const auto& warning : file.info().warnings) tell(o, "warning: " + printable(warning));
  if (external.plan.unused.empty()) return c;
  if (!o.drop_unused) {
    std::string& unused = c.metadata["dead"];
    for (std::size_t i = c.tensors.size() - external.plan.unused.size(); i < c.tensors.size(); ++i)
      unused += (unused.empty() ? "" : "\n") + c.tensors[i].name;
  }
  tell(o, fmt::format("dead: {} tensors that the network does not use{}:", external.plan.unused.size(),
                      o.drop_unused ? ", left out" : ", kept as they are (--drop-dead leaves them out)"));
  constexpr std::size_t kShown = 40;
  for (std::size_t i = 0; i < external.plan.unused.size() && i < kShown; ++i)
    tell(o, "  " + printable(external.tensors[external.plan.unused[i]].name));
  if (external.plan.unused.size() > kShown)
    tell(o, fmt::format("  ... and {} more", external.plan.unused.size() - kShown));
  return c;
}

/// Error(BadInput): the file does not hold what its own metadata promise; nothing could load the result.
void require_whole(const WeightFile& file, const ModelSpec& spec) {
  std::map<std::string, const StoredTensor*> there;
  for (const StoredTensor& t : file.tensors()) there[t.name] = &t;
  for (const NamedShape& own : shapes_of(spec)) {
    const auto found = there.find(own.name);
    if (found == there.end() && is_batch_counter(own.name)) continue;
    if (found == there.end() || !fits_state(own.name, found->second->shape, own.shape))
      throw Error(ErrorKind::BadInput, "",
                  "'" + file.path() + "' is no " + spec.describe() + ", as its metadata say: '" + own.name + "' is " +
                      (found == there.end() ? "missing" : "of another shape"),
                  "the file was changed: take the one that training or convert wrote, or --raw its tensors");
  }
}

/// Of a fledge model: the same tensors under the same names.
Conversion convert_own(const WeightFile& file, const ConvertOptions& o) {
  Preprocessing preprocessing;
  const ModelSpec spec = spec_of(file, preprocessing);
  refuse_external_flags(file.path(), o.external, spec);
  require_whole(file, spec);
  Conversion c;
  const std::set<std::string> unused = unused_names(file);
  for (const StoredTensor& t : file.tensors())
    if (!unused.count(t.name))
      c.tensors.push_back(checked_weight(to_save(t.name, file, t)));
    else if (!o.drop_unused)
      c.tensors.push_back(to_save(t.name, file, t));
  c.metadata = file.info().metadata;
  for (const auto& [key, value] : model_metadata(spec, with_flags(preprocessing, o))) c.metadata[key] = value;
  if (o.drop_unused) c.metadata.erase("dead");
  if (!o.labels.empty()) add_labels(c, read_labels(o.labels), spec, o);
  c.summary = spec.describe();
  return c;
}

/// Every tensor under its own name, whatever network it is of.
Conversion convert_raw(const WeightFile& file) {
  Conversion c;
  for (const StoredTensor& t : file.tensors()) c.tensors.push_back(to_save(t.name, file, t));
  c.metadata = file.info().metadata;
  c.summary = "tensors as they are";
  return c;
}

int run_convert(ConvertOptions o) {
  if (o.file.empty())
    throw Error(ErrorKind::Usage, "", "no file to convert", "write fledge convert FILE -o OUT.safetensors");
  if (o.output.empty())
    throw Error(ErrorKind::Usage, "", "no output", "name it with -o OUT.safetensors, or -o OUT.pth");
  const Target target = target_of(o.output);
  o.drop_unused |= target == Target::Torch;  // a state dict that a network loads strictly has nothing else in it
  const auto file = std::make_shared<WeightFile>(weight_file_of(o.file));
  refuse_input_as_output(o.output, {file->path()});
  remove_dead_temporaries(o.output);
  Conversion c;
  std::unique_ptr<ExternalModel> external;  // the tensors are read from it while they are written
  if (o.raw) {
    c = convert_raw(*file);
  } else if (is_model_file(*file)) {
    c = convert_own(*file, o);
  } else {
    external = std::make_unique<ExternalModel>(recognize(file, o.external));
    c = convert_external(*external, o);
  }
  try {
    if (target == Target::Safetensors)
      save_safetensors(o.output, c.tensors, c.metadata);
    else
      save_torch(o.output, c.tensors);
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::BadInput) throw;
    throw Error(e.kind(), e.op(), "cannot convert '" + file->path() + "': " + e.problem(), e.hint());
  }
  double bytes = 0;
  for (const TensorToSave& t : c.tensors) bytes += static_cast<double>(t.bytes());
  fmt::print("{}\t{}\t{} tensors\t{:.1f} MB\n", o.output, c.summary, c.tensors.size(), bytes / 1e6);
  return 0;
}

}  // namespace

Verb convert_verb() {
  Verb verb("convert",
            "Make a fledge model of a weight file from PyTorch of any age, or the way back: by the ending of -o.",
            "  fledge convert cub_Tmodel.pkl -o cub_teacher.safetensors --drop-dead\n"
            "  fledge convert mobilenet_keras.safetensors -o m.safetensors --conventions keras\n"
            "  fledge convert runs/relative -o student.pth\n",
            false);
  Fields& f = verb.fields;
  auto o = std::make_shared<ConvertOptions>();
  f.add_positional(
      "file", o->file,
      "weight file: .pth, .pt, .pkl (tar, stacked pickles, zip) or .safetensors; or a run or checkpoint folder");
  f.group("Output");
  f.add("output", o->output, "OUT.safetensors, or OUT.pth for torch.load(weights_only=True)").with_letter('o');
  f.add_switch("drop-dead", o->drop_unused, "leave out tensors that the network does not use (always so for .pth)");
  f.add_switch("raw", o->raw, "every tensor under its own name: no network is looked for");
  f.add_switch("quiet", o->quiet, "only the result and errors");
  bind_external(f, o->external, "", "Model");
  f.group("Model");
  f.add("labels", o->labels, "file of class names, a line each; empty: those in the checkpoint, if any");
  f.group("Data");
  f.add("normalize", o->normalize,
        "imagenet, keras, half, or MEAN,MEAN,MEAN/STD,STD,STD; empty: a config.json's, else the network's");
  f.add("size", o->size, "side of the pictures in pixels; 0: a config.json's, else the network's usual one (224)")
      .between(0, 4096);
  f.add("resize-short", o->resize_short,
        "short side before the centre crop; 0: no resize, -1: a config.json's, else 256")
      .between(-1, 8192);
  verb.run = [o](const Verb&, const std::string&) { return run_convert(*o); };
  return verb;
}

}  // namespace fledge
