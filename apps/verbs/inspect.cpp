// fledge inspect FILE: what a weight file holds and who wrote it, without running anything that is named in it.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/verbs/verbs.h"
#include "base/error.h"
#include "base/printable.h"
#include "io/json_file.h"
#include "io/weights/checksum.h"
#include "io/weights/finite_bytes.h"
#include "io/weights/weight_file.h"
#include "kernels/api/dims.h"
#include "nn/state_dict.h"
#include "train/model/model_file.h"

namespace fledge {
namespace {

struct InspectOptions {
  std::string file;
  bool checksums = false, json = false, strict = false;
};

using Json = nlohmann::ordered_json;

/// NaN, infinity or a negative variance. Shown where the numbers are read anyway.
std::optional<Unsound> unsound_in(const WeightFile& file, const StoredTensor& t) {
  return first_unsound(to_save(t.name, file, t), wanted_of(t.name));
}

Json tensors_json(const WeightFile& file, const std::vector<StoredTensor>& tensors, bool checksums) {
  Json list = Json::array();
  for (const StoredTensor& t : tensors) {
    Json entry = {{"name", t.name}, {"dtype", info_of(t.type).name}, {"shape", t.shape}};
    if (checksums) entry["sha256"] = sha256_of(file, t);
    if (const auto bad = checksums ? unsound_in(file, t) : std::nullopt) entry["unsound"] = describe(*bad);
    list.push_back(std::move(entry));
  }
  return list;
}

void print_json(const WeightFile& file, bool checksums) {
  const WeightFileInfo& info = file.info();
  Json report = {{"file", file.path()},
                 {"container", info.container},
                 {"protocol", info.protocol ? Json(*info.protocol) : Json(nullptr)},
                 {"classes", info.classes},
                 {"tensors", tensors_json(file, file.tensors(), checksums)},
                 {"writer", info.writer},
                 {"object", info.root},
                 {"checksummed", info.checksummed},
                 {"unknown", info.unknown},
                 {"other_tensors", tensors_json(file, file.others(), checksums)},
                 {"metadata", info.metadata},
                 {"labels", info.labels},
                 {"warnings", info.warnings}};
  fmt::print("{}\n", json_text(std::move(report)));
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& n : names) text += (text.empty() ? "" : ", ") + printable(n);
  return text;
}

void print_tensors(const WeightFile& file, const std::vector<StoredTensor>& tensors, bool checksums) {
  std::size_t width = 4, shapes = 5;
  for (const StoredTensor& t : tensors) {
    width = std::min<std::size_t>(60, std::max(width, printable(t.name).size()));
    shapes = std::max(shapes, sizes_text(t.shape).size());
  }
  for (const StoredTensor& t : tensors) {
    const auto bad = checksums ? unsound_in(file, t) : std::nullopt;
    fmt::print("  {:<{}}  {:<9} {:<{}}{}{}\n", printable(t.name), width, info_of(t.type).name, sizes_text(t.shape),
               checksums ? shapes : 0, checksums ? "  " + sha256_of(file, t) : "", bad ? "  " + describe(*bad) : "");
  }
}

std::string container_text(const WeightFileInfo& info) {
  const std::string guard =
      info.checksummed ? "its numbers are guarded by checksums" : "no checksum guards its numbers";
  if (info.container == "safetensors") return "safetensors; " + guard;
  const std::string what = info.container == "stacked" ? "stacked pickles" : info.container + " archive";
  return fmt::format("{}, pickle protocol {}; {}", what, info.protocol.value_or(0), guard);
}

void print_text(const WeightFile& file, bool checksums) {
  const WeightFileInfo& info = file.info();
  double bytes = 0, numbers = 0;
  for (const StoredTensor& t : file.tensors()) {
    numbers += static_cast<double>(t.numel());
    bytes += static_cast<double>(t.numel()) * info_of(t.type).bytes;
  }
  fmt::print("file       {}\ncontainer  {}\nwriter     {}\nobject     {}\n", file.path(), container_text(info),
             info.writer, printable(info.root));
  if (!info.classes.empty()) fmt::print("classes    {}\n", joined(info.classes));
  if (!info.unknown.empty())
    fmt::print("unknown    {} (names that fledge gives no meaning to; nothing of them was run)\n",
               joined(info.unknown));
  for (const auto& [key, value] : info.metadata) fmt::print("metadata   {} = {}\n", printable(key), printable(value));
  if (!info.labels.empty()) fmt::print("labels     {}: {} ...\n", info.labels.size(), printable(info.labels[0]));
  for (const auto& w : info.warnings) fmt::print("warning    {}\n", printable(w));
  fmt::print("tensors    {}, {:.0f} numbers, {:.1f} MB\n", file.tensors().size(), numbers, bytes / 1e6);
  print_tensors(file, file.tensors(), checksums);
  if (!file.others().empty()) {
    fmt::print("other      {} tensors that are in the file, but in no state dict\n", file.others().size());
    print_tensors(file, file.others(), checksums);
  }
}

int run_inspect(const InspectOptions& o) {
  if (o.file.empty()) throw Error(ErrorKind::Usage, "", "no file to inspect", "write fledge inspect FILE");
  const WeightFile file(weight_file_of(o.file));
  if (o.json)
    print_json(file, o.checksums);
  else
    print_text(file, o.checksums);
  if (!o.strict || file.info().unknown.empty()) return 0;
  std::fprintf(stderr,
               "error: '%s' names what fledge does not know: %s\n  hint: nothing of it was run; without --strict this "
               "is no error\n",
               o.file.c_str(), joined(file.info().unknown).c_str());
  return static_cast<int>(ErrorKind::BadInput);
}

}  // namespace

Verb inspect_verb() {
  Verb verb(
      "inspect",
      "Say what a weight file holds and who wrote it: PyTorch's of any age, or safetensors. Nothing in it is run.",
      "  fledge inspect cub_Tmodel.pkl\n  fledge inspect resnet18.pth --checksums --json\n"
      "  fledge inspect download.pth --strict\n",
      false);
  Fields& f = verb.fields;
  auto o = std::make_shared<InspectOptions>();
  f.add_positional(
      "file", o->file,
      "weight file: .pth, .pt, .pkl (tar, stacked pickles, zip) or .safetensors; or a run or checkpoint folder");
  f.group("Output");
  f.add_switch("checksums", o->checksums,
               "SHA-256 of each tensor's contiguous little-endian bytes, and where one holds NaN, infinity or a "
               "negative variance");
  f.add_switch("json", o->json, "one JSON object");
  f.add_switch("strict", o->strict, "exit with 3 when the file names anything that fledge gives no meaning to");
  verb.run = [o](const Verb&, const std::string&) { return run_inspect(*o); };
  return verb;
}

}  // namespace fledge
