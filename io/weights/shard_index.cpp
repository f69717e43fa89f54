#include "io/weights/shard_index.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/printable.h"
#include "io/file.h"
#include "io/json_file.h"
#include "io/weights/content.h"

namespace fledge {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxBytes = std::size_t{32} << 20, kMaxTensors = 100'000, kMaxFiles = 256, kMaxName = 4096;
constexpr int kMaxDepth = 4;

[[noreturn]] void refuse_index(const std::string& path, const std::string& problem, const std::string& hint = "") {
  throw Error(ErrorKind::BadInput, "", "cannot read the index '" + path + "': " + printable(problem), hint);
}

std::string shown(const std::string& name) { return "'" + name.substr(0, 120) + (name.size() > 120 ? "...'" : "'"); }

/// A file beside the index: what leads elsewhere, and an index in an index, are no shards.
bool is_plain_name(const std::string& name) {
  return !name.empty() && name.size() <= 255 && name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos &&
         name != "." && name != ".." && !is_shard_index(name);
}

void place(WeightFile::Content& content, std::size_t shard, std::map<std::string, bool>& expected) {
  const WeightFile& file = content.shards[shard];
  for (const StoredTensor& t : file.tensors()) {
    const auto found = expected.find(t.name);
    if (found == expected.end())
      refuse_index(content.path,
                   "shard '" + file.path() + "' holds " + shown(t.name) + ", which the index does not place there",
                   "index and shards are of different models, or one is damaged");
    found->second = true;
    StoredTensor here = t;
    here.block = content.shard_blocks.size();
    content.shard_blocks.emplace_back(shard, t.block);
    content.tensors.push_back(std::move(here));
  }
  for (const auto& [name, there] : expected)
    if (!there)
      refuse_index(content.path, "tensor " + shown(name) + " is not in its shard '" + file.path() + "'",
                   "index and shards are of different models, or one is damaged");
}

}  // namespace

bool is_shard_index(const std::string& path) { return path.ends_with(".index.json"); }

std::map<std::string, std::map<std::string, bool>> parse_shard_index(std::string_view text, const std::string& path) {
  if (text.size() > kMaxBytes)
    refuse_index(path, "it has " + std::to_string(text.size()) + " bytes; 33,554,432 are the most");
  const nlohmann::json index = parse_json(text, kMaxDepth);
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object())
    refuse_index(path, "it is no JSON object with a \"weight_map\"");
  const nlohmann::json& map = index["weight_map"];
  if (map.empty()) refuse_index(path, "its \"weight_map\" is empty");
  if (map.size() > kMaxTensors) refuse_index(path, "it names more than 100,000 tensors");
  std::map<std::string, std::map<std::string, bool>> shards;
  for (const auto& [tensor, file] : map.items()) {
    if (tensor.size() > kMaxName) refuse_index(path, "it names a tensor of more than 4,096 bytes");
    if (!file.is_string() || !is_plain_name(file.get<std::string>()))
      refuse_index(path,
                   "tensor " + shown(tensor) + " lies in " +
                       (file.is_string() ? shown(file.get<std::string>()) : "something that is no text") +
                       ", which is no file's name",
                   "shards lie beside their index, under plain names");
    shards[file.get<std::string>()].emplace(tensor, false);
    if (shards.size() > kMaxFiles) refuse_index(path, "it names more than 256 files");
  }
  return shards;
}

void read_shard_index(WeightFile::Content& content) {
  std::error_code none;  // what cannot be opened is said by read_file
  if (const auto size = fs::file_size(content.path, none); !none && size > kMaxBytes)
    refuse_index(content.path, "it has " + std::to_string(size) + " bytes; 33,554,432 are the most");
  const auto bytes = read_file(content.path);
  auto shards = parse_shard_index({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, content.path);
  // In a download cache index and shards are links to where the bytes lie; else a link is not followed.
  const bool linked = fs::is_symlink(fs::symlink_status(content.path, none));
  for (auto& [name, expected] : shards) {
    auto shard = std::make_unique<WeightFile::Content>();
    shard->path = (fs::path(content.path).parent_path() / name).string();
    open_mapped(*shard, linked);
    content.shards.push_back(WeightFile(std::move(shard)));
    place(content, content.shards.size() - 1, expected);
  }
  content.info = content.shards[0].info();
  content.info.writer += ", in " + std::to_string(shards.size()) + " shards";
  for (const WeightFile& shard : content.shards) {
    content.info.checksummed &= shard.info().checksummed;
    if (&shard == &content.shards[0]) continue;
    const auto& more = shard.info().warnings;
    content.info.warnings.insert(content.info.warnings.end(), more.begin(), more.end());
  }
}

}  // namespace fledge
