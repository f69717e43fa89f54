#include "io/weights/weight_file.h"

#include <libdeflate.h>

#include <cstring>

#include "base/interrupt.h"
#include "base/printable.h"
#include "io/weights/content.h"
#include "io/weights/gather.h"
#include "io/weights/inflate.h"
#include "io/weights/shard_index.h"
#include "io/weights/sniff.h"
#include "io/weights/widen.h"

namespace fledge {
namespace {

void read_content(WeightFile::Content& content) {
  switch (sniff_weights(content.bytes)) {
    case WeightFormat::Zip:
      content.info.container = "zip";
      return read_zip(content);
    case WeightFormat::Pickle:
      content.info.container = "stacked";
      return read_stacked(content);
    case WeightFormat::Tar:
      content.info.container = "tar";
      return read_tar(content);
    case WeightFormat::Safetensors:
      content.info.container = "safetensors";
      return read_safetensors(content);
    case WeightFormat::Other:
      if (content.bytes.size() < 16)
        content.refuse("it has only " + std::to_string(content.bytes.size()) +
                       " bytes: no weight file, or cut at byte " + std::to_string(content.bytes.size()));
      content.refuse("at byte 0 begins " + describe_foreign(content.bytes),
                     "fledge reads PyTorch's weight files (.pth, .pt, .pkl of any age) and safetensors");
  }
}

}  // namespace

void open_mapped(WeightFile::Content& content, bool follow) {
  content.mapped = std::make_unique<MappedFile>(content.path, follow);
  content.bytes = content.mapped->bytes();
  try {
    read_content(content);
  } catch (const Error&) {
    content.check_whole();  // of a file that was cut meanwhile, zeros were read: whatever they seemed to mean
    throw;
  }
  content.check_whole();
}

namespace {

void fail_checksum(const WeightFile::Content& c, const Block& block) {
  c.refuse_at(c.position_of(block.data), "the checksum of member '" + block.member + "' is wrong, whose data begin",
              "the file is damaged: copy or download it again");
}

/// A buffer of kPiece bytes, given back when it goes: hundreds of fresh ones would cost their page faults.
class PieceBuffer {
 public:
  explicit PieceBuffer(WeightFile::Content& content) : content_(content) {
    const std::lock_guard lock(content_.mutex);
    if (content_.free_buffers.empty()) {
      memory_ = std::make_unique_for_overwrite<char[]>(kPiece);
    } else {
      memory_ = std::move(content_.free_buffers.back());
      content_.free_buffers.pop_back();
    }
  }
  ~PieceBuffer() {
    const std::lock_guard lock(content_.mutex);
    content_.free_buffers.push_back(std::move(memory_));
  }
  PieceBuffer(const PieceBuffer&) = delete;
  PieceBuffer& operator=(const PieceBuffer&) = delete;
  char* data() { return memory_.get(); }

 private:
  WeightFile::Content& content_;
  std::unique_ptr<char[]> memory_;
};

/// Hands over bytes of the file, copied piece by piece, or as they are when the file is in memory.
template <class Take>
void stream(WeightFile::Content& c, const char* begin, std::uint64_t size, Take take) {
  if (!c.mapped) return take(begin, static_cast<std::size_t>(size));
  PieceBuffer buffer(c);
  for (std::uint64_t at = 0; at < size; at += kPiece) {
    const std::size_t count = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, size - at));
    c.mapped->copy(begin + at, count, buffer.data());
    take(buffer.data(), count);
  }
}

/// A deflated block, inflated and checked; the last one is kept for the next tensor of it.
std::shared_ptr<std::vector<char>> inflate(WeightFile::Content& c, std::size_t index) {
  const Block& block = c.blocks[index];
  const std::lock_guard lock(c.mutex);
  if (c.inflated_block == index) return c.inflated;
  auto out = std::make_shared<std::vector<char>>(block.bytes);
  const bool exact = inflate_exactly({block.data, block.packed}, out->data(), out->size());
  c.check_whole();
  if (!exact)
    c.refuse_at(c.position_of(block.data), "member '" + block.member + "' does not inflate to its " +
                                               std::to_string(block.bytes) + " bytes, whose data begin");
  if (block.has_crc && libdeflate_crc32(0, out->data(), out->size()) != block.crc) fail_checksum(c, block);
  c.inflated = out;
  c.inflated_block = index;
  return out;
}

/// Stored blocks are checked once. True: it is not known to be sound yet, and is to be checked.
bool unchecked(WeightFile::Content& c, std::size_t index) {
  const std::lock_guard lock(c.mutex);
  return c.blocks[index].has_crc && !c.sound.count(index);
}

void mark_sound(WeightFile::Content& c, std::size_t index) {
  const std::lock_guard lock(c.mutex);
  c.sound.insert(index);
}

void check(WeightFile::Content& c, std::size_t index) {
  const Block& block = c.blocks[index];
  std::uint32_t crc = 0;
  stream(c, block.data, block.bytes, [&](const char* p, std::size_t n) { crc = libdeflate_crc32(crc, p, n); });
  if (crc != block.crc) fail_checksum(c, block);
  mark_sound(c, index);
}

}  // namespace

std::int64_t StoredTensor::numel() const {
  std::int64_t n = 1;
  for (const std::int64_t d : shape) n *= d;
  return n;
}

void WeightFile::Content::refuse(const std::string& problem, const std::string& hint) const {
  const std::string what = info.container == "safetensors" ? "safetensors file '" : "'";
  throw Error(ErrorKind::BadInput, "", "cannot read " + what + path + "': " + printable(problem), hint);
}

void WeightFile::Content::refuse_at(std::uint64_t at, const std::string& problem, const std::string& hint) const {
  refuse(problem + " at byte " + std::to_string(at), hint);
}

void WeightFile::Content::copy(const char* from, std::size_t size, char* to) const {
  if (mapped)
    mapped->copy(from, size, to);
  else
    std::memcpy(to, from, size);
}

WeightFile::WeightFile(const std::string& path) : content_(std::make_unique<Content>()) {
  content_->path = path;
  if (is_shard_index(path))
    read_shard_index(*content_);
  else
    open_mapped(*content_, true);
}

WeightFile::WeightFile(std::unique_ptr<Content> content) : content_(std::move(content)) {}

WeightFile WeightFile::in_memory(std::span<const char> bytes, const std::string& name) {
  auto content = std::make_unique<Content>();
  content->path = name;
  content->bytes = bytes;
  if (bytes.empty()) content->refuse("it is empty (0 bytes: nothing to read from byte 0 on)");
  read_content(*content);
  return WeightFile(std::move(content));
}

WeightFile::WeightFile(WeightFile&&) noexcept = default;
WeightFile& WeightFile::operator=(WeightFile&&) noexcept = default;
WeightFile::~WeightFile() = default;

const std::string& WeightFile::path() const { return content_->path; }
std::vector<std::string> WeightFile::files() const {
  std::vector<std::string> all = {content_->path};
  for (const WeightFile& shard : content_->shards) all.push_back(shard.path());
  return all;
}
const WeightFileInfo& WeightFile::info() const { return content_->info; }
const std::vector<StoredTensor>& WeightFile::tensors() const { return content_->tensors; }
const std::vector<StoredTensor>& WeightFile::others() const { return content_->others; }

void WeightFile::read(const StoredTensor& t, const std::function<void(const char*, std::size_t)>& take) const {
  if (t.numel() == 0) return;
  Content& c = *content_;
  if (!c.shards.empty()) {
    const auto [shard, block] = c.shard_blocks[t.block];
    StoredTensor there = t;
    there.block = block;
    return c.shards[shard].read(there, take);
  }
  const Block& block = c.blocks[t.block];
  if (block.deflated) {
    const auto inflated = inflate(c, t.block);
    return gather(inflated->data(), t, take);
  }
  const std::uint64_t item = static_cast<std::uint64_t>(info_of(t.type).bytes),
                      bytes = static_cast<std::uint64_t>(t.numel()) * item;
  const bool dense = is_contiguous(t), check_now = unchecked(c, t.block);
  const bool check_along = check_now && dense && bytes == block.bytes;  // the whole block passes by in its order
  if (check_now && !check_along) check(c, t.block);
  if (!dense) {
    gather(block.data, t, take);
    return c.check_whole();
  }
  std::uint32_t crc = 0;
  stream(c, block.data + static_cast<std::uint64_t>(t.offset) * item, bytes, [&](const char* p, std::size_t n) {
    stop_if_asked();
    if (check_along) crc = libdeflate_crc32(crc, p, n);
    take(p, n);
  });
  if (!check_along) return;
  if (crc != block.crc) fail_checksum(c, block);  // whatever was made of the pieces is thrown away by the caller
  mark_sound(c, t.block);
}

Tensor WeightFile::load(const StoredTensor& t) const {
  const std::string name = "tensor '" + t.name + "'";
  const auto dtype = dtype_for(t.type);
  if (!dtype) content_->refuse(name + " has dtype " + info_of(t.type).name + ", which fledge has no type for");
  if (t.shape.size() > Dims::kMaxRank)
    content_->refuse(name + " has " + std::to_string(t.shape.size()) + " axes, at most " +
                     std::to_string(Dims::kMaxRank) + " are supported");
  Dims dims;
  for (const std::int64_t d : t.shape) dims.push_back(d);
  const Tensor out = Tensor::empty(dims, *dtype);
  char* to = static_cast<char*>(out.raw());
  read(t, [&](const char* bytes, std::size_t size) { to = widen(t.type, bytes, size, to); });
  return out;
}

}  // namespace fledge
