// A model in several files: read by its index as if it were one, and what an index by a stranger may not do.
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "io/checkpoint/safetensors.h"
#include "io/weights/checksum.h"
#include "io/weights/shard_index.h"
#include "io/weights/weight_file.h"
#include "tensor/creation.h"
#include "tests/support/files.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;

namespace {

void save(const std::string& path, const NamedTensors& tensors) { save_safetensors(path, tensors, {{"format", "pt"}}); }

std::string index_of(const std::vector<std::pair<std::string, std::string>>& places) {
  std::string map;
  for (const auto& [tensor, file] : places) map += (map.empty() ? "\"" : ", \"") + tensor + "\": \"" + file + "\"";
  return "{\"metadata\": {\"total_size\": 1}, \"weight_map\": {" + map + "}}";
}

/// Two shards with three tensors and their index, "m.safetensors.index.json".
void make(const TempFolder& folder) {
  save(folder / "m-00001-of-00002.safetensors",
       {{"a", from_vector<float>({1, 2, 3, 4, 5, 6}, {2, 3})}, {"b", from_vector<float>({7}, {1})}});
  save(folder / "m-00002-of-00002.safetensors", {{"c", from_vector<float>({8, 9}, {2})}});
  spill(folder / "m.safetensors.index.json", index_of({{"c", "m-00002-of-00002.safetensors"},
                                                       {"a", "m-00001-of-00002.safetensors"},
                                                       {"b", "m-00001-of-00002.safetensors"}}));
}

std::string refused(const std::string& path) {
  ErrorKind kind = ErrorKind::Internal;
  const std::string error = error_of([&] { WeightFile file(path); }, &kind);
  CHECK(kind == ErrorKind::BadInput);
  return error;
}

}  // namespace

TEST_CASE("shards: an index is read as one file") {
  const TempFolder folder;
  make(folder);
  const WeightFile file(folder / "m.safetensors.index.json");
  CHECK(file.info().container == "safetensors");
  CHECK_THAT(file.info().writer, Contains("in 2 shards"));
  CHECK(file.files().size() == 3);
  std::map<std::string, std::vector<float>> values;
  for (const StoredTensor& t : file.tensors()) values[t.name] = file.load(t).to_vector<float>();
  CHECK(values == std::map<std::string, std::vector<float>>{{"a", {1, 2, 3, 4, 5, 6}}, {"b", {7}}, {"c", {8, 9}}});
}

TEST_CASE("shards: index and shards must agree on every tensor") {
  const TempFolder folder;
  make(folder);
  const std::string index = folder / "m.safetensors.index.json", one = "m-00001-of-00002.safetensors",
                    two = "m-00002-of-00002.safetensors";
  spill(index, index_of({{"a", one}, {"b", one}, {"c", one}}));
  CHECK_THAT(refused(index), Contains("tensor 'c' is not in its shard") && Contains(one));
  spill(index, index_of({{"a", one}, {"c", two}}));
  CHECK_THAT(refused(index), Contains("holds 'b', which the index does not place there"));
  spill(index, index_of({{"a", one}, {"b", one}, {"c", two}, {"d", "m-00003.safetensors"}}));
  CHECK_THAT(refused(index), Contains("m-00003.safetensors") && Contains("no such file"));
}

TEST_CASE("shards: an index cannot lead out of its folder") {
  const TempFolder folder;
  make(folder);
  const std::string index = folder / "m.safetensors.index.json";
  for (const std::string name : {"../m-00001-of-00002.safetensors", "/etc/passwd", "a/b.safetensors", "", ".", "..",
                                 "m.safetensors.index.json", "x\\u0000y", "a\\\\b"}) {
    CAPTURE(name);
    spill(index, index_of({{"a", name}}));
    CHECK_THAT(refused(index), Contains("which is no file's name"));
  }
  // A link and a pipe are no shards, a folder neither.
  const std::string shard = folder / "m-00001-of-00002.safetensors";
  spill(index, index_of({{"a", "m-00001-of-00002.safetensors"}, {"b", "m-00001-of-00002.safetensors"}}));
  std::filesystem::rename(shard, folder / "elsewhere");
  std::filesystem::create_symlink(folder / "elsewhere", shard);
  CHECK_THAT(refused(index), Contains("it is a symbolic link"));
  // ... but where the index is one too, as in a download cache, its folder is made of links.
  std::filesystem::create_symlink(index, folder / "linked.index.json");
  CHECK(WeightFile(folder / "linked.index.json").tensors().size() == 2);
  std::filesystem::remove(shard);
  REQUIRE(::mkfifo(shard.c_str(), 0600) == 0);
  CHECK_THAT(refused(index), Contains("not a regular file"));
  std::filesystem::remove(shard);
  std::filesystem::create_directory(shard);
  CHECK_THAT(refused(index), Contains("folder"));
}

TEST_CASE("shards: what is no index is refused") {
  for (const std::string text :
       {std::string(), std::string("[]"), std::string("{}"), std::string("{\"weight_map\": 3}"),
        std::string("{\"weight_map\": {}}"), std::string("{\"weight_map\": {\"a\": 1}}"),
        std::string("{\"weight_map\": {\"a\": [\"x\"]}}"), std::string("{\"weight_map\": {\"a\": \"x\"}"),
        std::string(100'000, '['), std::string("{\"weight_map\": {\"") + std::string(5000, 'a') + "\": \"x\"}}"}) {
    CAPTURE(text.substr(0, 60));
    ErrorKind kind = ErrorKind::Internal;
    CHECK_THAT(error_of([&] { parse_shard_index(text, "x.index.json"); }, &kind), Contains("'x.index.json'"));
    CHECK(kind == ErrorKind::BadInput);
  }
  std::string many = "{\"weight_map\": {";
  for (int i = 0; i < 300; ++i) many += (i ? ",\"t" : "\"t") + std::to_string(i) + "\":\"f" + std::to_string(i) + "\"";
  CHECK_THAT(error_of([&] { parse_shard_index(many + "}}", "x.index.json"); }), Contains("more than 256 files"));
  const TempFolder folder;
  spill(folder / "big.index.json", std::string("{"));
  std::filesystem::resize_file(folder / "big.index.json", std::uintmax_t{1} << 40);
  CHECK_THAT(refused(folder / "big.index.json"), Contains("33,554,432"));
}
