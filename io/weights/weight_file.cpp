#include "io/weights/weight_file.h"

#include <libdeflate.h>

#include "io/weights/content.h"
#include "io/weights/gather.h"
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

/// The block's numbers: in the file as they are, or inflated. `keep` holds the latter.
const char* block_bytes(WeightFile::Content& c, std::size_t index, std::shared_ptr<std::vector<char>>& keep) {
  const Block& block = c.blocks[index];
  const std::lock_guard lock(c.mutex);
  const char* data = block.data;
  if (block.deflated) {
    if (c.inflated_block != index) {
      auto out = std::make_shared<std::vector<char>>(block.bytes);
      const std::unique_ptr<libdeflate_decompressor, void (*)(libdeflate_decompressor*)> machine(
          libdeflate_alloc_decompressor(), libdeflate_free_decompressor);
      std::size_t used = 0, made = 0;
      const auto result = libdeflate_deflate_decompress_ex(machine.get(), block.data, block.packed, out->data(),
                                                           out->size(), &used, &made);
      if (result != LIBDEFLATE_SUCCESS || made != block.bytes || used != block.packed)
        c.refuse_at(c.position_of(block.data),
                    "member '" + block.member + "' does not inflate to its " + std::to_string(block.bytes) + " bytes");
      c.inflated = std::move(out);
      c.inflated_block = index;
    }
    keep = c.inflated;
    data = keep->data();
  }
  if (block.has_crc && !c.sound.count(index)) {
    if (libdeflate_crc32(0, data, block.bytes) != block.crc)
      c.refuse_at(c.position_of(block.data), "the checksum of member '" + block.member + "' is wrong, whose data begin",
                  "the file is damaged: copy or download it again");
    c.sound.insert(index);
  }
  return data;
}

}  // namespace

std::int64_t StoredTensor::numel() const {
  std::int64_t n = 1;
  for (const std::int64_t d : shape) n *= d;
  return n;
}

void WeightFile::Content::refuse(const std::string& problem, const std::string& hint) const {
  const std::string what = info.container == "safetensors" ? "safetensors file '" : "'";
  throw Error(ErrorKind::BadInput, "", "cannot read " + what + path + "': " + problem, hint);
}

void WeightFile::Content::refuse_at(std::uint64_t at, const std::string& problem, const std::string& hint) const {
  refuse(problem + " at byte " + std::to_string(at), hint);
}

WeightFile::WeightFile(const std::string& path) : content_(std::make_unique<Content>()) {
  content_->path = path;
  content_->mapped = std::make_unique<MappedFile>(path);
  content_->bytes = content_->mapped->bytes();
  read_content(*content_);
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
const WeightFileInfo& WeightFile::info() const { return content_->info; }
const std::vector<StoredTensor>& WeightFile::tensors() const { return content_->tensors; }
const std::vector<StoredTensor>& WeightFile::others() const { return content_->others; }

void WeightFile::read(const StoredTensor& t, const std::function<void(const char*, std::size_t)>& take) const {
  if (t.numel() == 0) return;
  std::shared_ptr<std::vector<char>> keep;
  const char* data = block_bytes(*content_, t.block, keep);
  gather(data, t, take);
  if (!keep && content_->mapped) content_->mapped->forget(data, content_->blocks[t.block].bytes);
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
