// What the readers of the containers fill in for a WeightFile. Private to io.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "io/weights/mapped_file.h"
#include "io/weights/weight_file.h"

namespace fledge {

/// The bytes of one storage, as they lie in the file.
struct Block {
  const char* data = nullptr;
  std::uint64_t packed = 0;  // bytes in the file
  std::uint64_t bytes = 0;   // of the numbers; other than `packed` when `deflated`
  bool deflated = false;
  bool has_crc = false;
  std::uint32_t crc = 0;
  std::string member;  // name in the zip
};

struct WeightFile::Content {
  std::string path;
  std::unique_ptr<MappedFile> mapped;  // null for files in memory
  std::span<const char> bytes;
  WeightFileInfo info;
  std::vector<StoredTensor> tensors, others;
  std::vector<Block> blocks;
  /// Of an index: its shards, and for each of the tensors' blocks which shard's it is, and which one there.
  std::vector<WeightFile> shards;
  std::vector<std::pair<std::size_t, std::size_t>> shard_blocks;

  /// Blocks whose CRC was found right, and the one block that was inflated last.
  std::mutex mutex;
  std::set<std::size_t> sound;
  std::size_t inflated_block = static_cast<std::size_t>(-1);
  std::shared_ptr<std::vector<char>> inflated;
  std::vector<std::unique_ptr<char[]>> free_buffers;  // of stream(), kept for the next tensor

  [[noreturn]] void refuse(const std::string& problem, const std::string& hint = "") const;
  /// ... PROBLEM at byte N
  [[noreturn]] void refuse_at(std::uint64_t at, const std::string& problem, const std::string& hint = "") const;
  /// Throws when the file became shorter while its mapping was read.
  void check_whole() const {
    if (mapped) mapped->check_whole();
  }
  /// Bytes of the file at `from`, a place in `bytes`, copied without touching the mapping.
  void copy(const char* from, std::size_t size, char* to) const;
  std::uint64_t position_of(const char* p) const { return static_cast<std::uint64_t>(p - bytes.data()); }
};

/// Maps the file at content.path and reads what is in it. `follow`: it may be a symbolic link.
void open_mapped(WeightFile::Content& content, bool follow);

// The readers, each for its container; `content` holds the bytes, everything else is theirs to fill.
void read_tar(WeightFile::Content& content);
void read_stacked(WeightFile::Content& content);
void read_zip(WeightFile::Content& content);
void read_safetensors(WeightFile::Content& content);
/// `content.path` is an index; nothing is mapped.
void read_shard_index(WeightFile::Content& content);

}  // namespace fledge
