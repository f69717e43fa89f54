#include "io/checkpoint/safetensors.h"

#include <bit>
#include <nlohmann/json.hpp>
#include <set>

#include "io/file.h"

namespace fledge {

static_assert(std::endian::native == std::endian::little, "weights are copied as they lie in the file");

namespace {

/// The header with its length in front, padded with spaces so that the data starts at a multiple of 8.
std::string make_header(const std::vector<TensorToSave>& tensors, const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::set<std::string> names;
  std::uint64_t at = 0;
  for (const TensorToSave& t : tensors) {
    if (t.name == "__metadata__" || !names.insert(t.name).second)
      throw Error(ErrorKind::Usage, "save_safetensors",
                  "the name '" + t.name + "' " + (t.name == "__metadata__" ? "is reserved" : "is used twice"));
    const char* type = info_of(t.type).safetensors;
    if (!type)
      throw Error(ErrorKind::Usage, "save_safetensors",
                  "tensor '" + t.name + "' is " + info_of(t.type).name + ", which safetensors files cannot hold");
    header[t.name] = {{"dtype", type}, {"shape", t.shape}, {"data_offsets", {at, at + t.bytes()}}};
    at += t.bytes();
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorKind::Usage, "save_safetensors", "a name or a metadata text is not valid UTF-8");
  }
  text.append((8 - text.size() % 8) % 8, ' ');
  const std::uint64_t length = text.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + text;
}

}  // namespace

SafetensorsFile load_safetensors(const std::string& path) {
  const WeightFile file(path);
  if (file.info().container != "safetensors")
    throw Error(ErrorKind::BadInput, "",
                "cannot read '" + path + "': it is no safetensors file, but " + file.info().container,
                "'fledge convert' makes one of it");
  SafetensorsFile loaded;
  loaded.metadata = file.info().metadata;
  for (const StoredTensor& t : file.tensors()) loaded.tensors.emplace_back(t.name, file.load(t));
  return loaded;
}

void save_safetensors(const std::string& path, const std::vector<TensorToSave>& tensors,
                      const std::map<std::string, std::string>& metadata) {
  const std::string header = make_header(tensors, metadata);
  std::uint64_t size = header.size();
  for (const TensorToSave& t : tensors) size += t.bytes();
  AtomicFile file(path, size);
  file.append(header.data(), header.size());
  for (const TensorToSave& t : tensors) t.write([&](const char* bytes, std::size_t n) { file.append(bytes, n); });
  file.commit();
}

void save_safetensors(const std::string& path, const NamedTensors& tensors,
                      const std::map<std::string, std::string>& metadata) {
  std::vector<TensorToSave> list;
  for (const auto& [name, t] : tensors) {
    if (!t.defined()) throw Error(ErrorKind::Usage, "save_safetensors", "tensor '" + name + "' is undefined");
    list.push_back(to_save(name, t));
  }
  save_safetensors(path, list, metadata);
}

}  // namespace fledge
