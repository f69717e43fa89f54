// Files as PyTorch of different ages wrote them: every tensor's name, dtype, shape and SHA-256 against the record
// beside it (shared folder, fixtures/README.md).
#include <catch2/catch.hpp>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "io/weights/weight_file.h"
#include "tests/io/hostile_case.h"
#include "tests/io/sha256.h"
#include "tests/support/files.h"

using namespace fledge;
using namespace fledge::test;
using Json = nlohmann::json;

namespace {

struct Fixture {
  std::string file;  // path
  Json expected;
};

/// NAME.expected.json beside the file it names, in the folder and in wild/ and full_size/.
std::vector<Fixture> fixtures() {
  std::vector<Fixture> found;
  const std::string top = shared_folder("fixtures");
  if (top.empty()) return found;
  for (const char* below : {"", "/wild", "/full_size"}) {
    if (!std::filesystem::exists(top + below)) continue;
    std::set<std::string> records;
    for (const auto& entry : std::filesystem::directory_iterator(top + below))
      if (entry.path().string().ends_with(".expected.json")) records.insert(entry.path().string());
    for (const std::string& record : records) {
      const Bytes text = slurp(record);
      Fixture f{"", Json::parse(text.begin(), text.end())};
      f.file = top + below + "/" + f.expected["file"].get<std::string>();
      if (std::filesystem::exists(f.file)) found.push_back(std::move(f));
    }
  }
  return found;
}

/// The name in the state dict; for the rest the keys and indices.
std::string name_of(const Json& tensor) {
  if (tensor["name"].is_string()) return tensor["name"];
  std::string name;
  for (const Json& part : tensor["path"])
    name += (name.empty() ? "" : ".") + (part.is_string() ? part.get<std::string>() : part.dump());
  return name;
}

void check_tensor(const WeightFile& file, const StoredTensor& t, const Json& e) {
  CAPTURE(t.name);
  CHECK(info_of(t.type).name == e["dtype"].get<std::string>());
  CHECK(t.shape == e["shape"].get<std::vector<std::int64_t>>());
  const std::string bytes = bytes_of(file, t);
  CHECK(sha256(bytes.data(), bytes.size()) == e["sha256"].get<std::string>());
  const std::optional<DType> dtype = dtype_for(t.type);
  if (!dtype || t.shape.size() > 6) {
    ErrorKind kind = ErrorKind::Internal;
    CHECK(error_of([&] { file.load(t); }, &kind).find(t.name) != std::string::npos);
    CHECK(kind == ErrorKind::BadInput);
    return;
  }
  const Tensor loaded = file.load(t);
  CHECK(loaded.dtype() == *dtype);
  CHECK(loaded.is_contiguous());
  CHECK(std::vector<std::int64_t>(loaded.dims().begin(), loaded.dims().end()) == t.shape);
  if (!e.contains("first")) return;
  const std::vector<double> values = loaded.to_vector<double>();
  for (std::size_t i = 0; i < std::min(values.size(), e["first"].size()); ++i)
    if (e["first"][i].is_number()) CHECK(values[i] == e["first"][i].get<double>());
}

void check_info(const WeightFile& file, const Json& expected) {
  const WeightFileInfo& info = file.info();
  if (expected.contains("container")) CHECK(info.container == expected["container"].get<std::string>());
  CHECK(info.checksummed == (info.container == "zip" && !file.path().ends_with("zip_no_crc_new.pth")));
  if (expected.contains("pickle_protocol") && expected["pickle_protocol"].is_number())
    CHECK(info.protocol == expected["pickle_protocol"].get<int>());
  if (expected.contains("class_names")) CHECK(info.classes == expected["class_names"].get<std::vector<std::string>>());
  if (expected.contains("metadata"))
    CHECK(info.metadata == expected["metadata"].get<std::map<std::string, std::string>>());
  if (expected.contains("module_class")) CHECK(info.root == expected["module_class"].get<std::string>());
}

/// Every tensor of the record, and no other, in tensors() or others().
void check_file(const WeightFile& file, const Json& expected) {
  std::map<std::string, const StoredTensor*> found;
  for (const auto* list : {&file.tensors(), &file.others()})
    for (const StoredTensor& t : *list) {
      CAPTURE(t.name);
      CHECK(found.emplace(t.name, &t).second);
    }
  std::map<std::size_t, int> storage_of_block;
  std::size_t named = 0;
  for (const Json& e : expected["tensors"]) {
    const std::string name = name_of(e);
    named += e["name"].is_string();
    const auto at = found.find(name);
    if (at == found.end()) {
      FAIL_CHECK("no tensor '" << name << "'");
      continue;
    }
    check_tensor(file, *at->second, e);
    if (e.contains("storage") && !e.contains("view") &&
        file.info().container != "safetensors") {  // equal numbers share memory
      const auto [same, fresh] = storage_of_block.emplace(at->second->block, e["storage"].get<int>());
      CHECK((fresh || same->second == e["storage"].get<int>()));
    }
    found.erase(at);
  }
  // Records of modules list their state dict; what else is in the file is among the others.
  if (expected.value("kind", "module") == "module") {
    CHECK(file.tensors().size() == named);
    return;
  }
  for (const auto& [name, t] : found) FAIL_CHECK("the record knows no tensor '" << name << "'");
}

}  // namespace

TEST_CASE("weight files: the shared fixtures", "[fixtures]") {
  const std::vector<Fixture> all = fixtures();
  if (all.empty()) {
    WARN("skipped: no shared fixtures (set FLEDGE_SHARED)");
    return;
  }
  CHECK(all.size() >= 38);
  for (const Fixture& f : all) {
    CAPTURE(f.file);
    const std::string expect = f.expected.value("expect", "ok");
    ErrorKind kind = ErrorKind::Internal;
    std::optional<WeightFile> file;
    const std::string error = error_of([&] { file.emplace(f.file); }, &kind);
    if (expect == "refused") {
      CHECK(kind == ErrorKind::BadInput);
      CHECK(error.find("TorchScript") != std::string::npos);
    } else if (!error.empty()) {
      CHECK(expect == "ok or refused by name");
      CHECK(error == "");
    } else {
      check_file(*file, f.expected);
      check_info(*file, f.expected);
    }
  }
}
