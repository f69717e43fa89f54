#include "io/torch/zip/zip_writer.h"

#include <libdeflate.h>

#include <algorithm>

#include "io/torch/zip/zip_members.h"

namespace fledge::torch_file {
namespace {

constexpr std::uint64_t kAlignment = 64;
constexpr std::uint16_t kFlags = 0x808;  // sizes behind the data, names in UTF-8

/// Little-endian numbers, one after the other.
class Record {
 public:
  explicit Record(const char* signature = "") : bytes_(signature) {}
  template <class T>
  Record& put(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  Record& u16(std::uint64_t v) { return put(static_cast<std::uint16_t>(v)); }
  Record& u32(std::uint64_t v) { return put(static_cast<std::uint32_t>(std::min<std::uint64_t>(v, kMax32))); }
  Record& u64(std::uint64_t v) { return put(v); }
  Record& text(const std::string& t) {
    bytes_ += t;
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

}  // namespace

void ZipWriter::put(const std::string& bytes) {
  file_.append(bytes.data(), bytes.size());
  at_ += bytes.size();
}

void ZipWriter::add(const std::string& name, const std::string& content) {
  add(name, [&](const ByteSink& sink) { sink(content.data(), content.size()); });
}

void ZipWriter::add(const std::string& name, const std::function<void(const ByteSink&)>& write) {
  Entry e{name, at_, 0, 0};
  // The data begin at a multiple of 64: an extra field "FB" fills up, as in PyTorch's files.
  const std::uint64_t data = at_ + 30 + name.size() + 4, padding = (kAlignment - data % kAlignment) % kAlignment;
  Record local("PK\3\4");
  local.u16(0).u16(kFlags).u16(0).u32(0).u32(0).u32(0).u32(0).u16(name.size()).u16(4 + padding).text(name);
  put(local.text("FB").u16(padding).text(std::string(padding, 'Z')).bytes());
  write([&](const char* bytes, std::size_t size) {
    e.crc = libdeflate_crc32(e.crc, bytes, size);
    e.size += size;
    file_.append(bytes, size);
    at_ += size;
  });
  Record descriptor("PK\7\10");
  descriptor.u32(e.crc);
  if (e.size >= kMax32)
    descriptor.u64(e.size).u64(e.size);
  else
    descriptor.u32(e.size).u32(e.size);
  put(descriptor.bytes());
  entries_.push_back(e);
}

std::string ZipWriter::central(const Entry& e) const {
  Record wide;  // ZIP64: those of size, packed size and header that 32 bits cannot hold
  if (e.size >= kMax32) wide.u64(e.size).u64(e.size);
  if (e.header >= kMax32) wide.u64(e.header);
  const std::size_t wide_bytes = wide.bytes().size();
  Record r("PK\1\2");
  r.u16(0).u16(0).u16(kFlags).u16(0).u32(0).u32(e.crc).u32(e.size).u32(e.size).u16(e.name.size());
  r.u16(wide_bytes ? wide_bytes + 4 : 0).u16(0).u16(0).u16(0).u32(0).u32(e.header).text(e.name);
  if (wide_bytes) r.u16(1).u16(wide_bytes).text(wide.bytes());
  return r.bytes();
}

void ZipWriter::commit() {
  const std::uint64_t begin = at_, count = entries_.size();
  for (const Entry& e : entries_) put(central(e));
  const std::uint64_t end = at_, size = end - begin;
  Record wide("PK\6\6");  // always there, as in PyTorch's files
  wide.u64(44).u16(0x031e).u16(45).u32(0).u32(0).u64(count).u64(count).u64(size).u64(begin);
  put(wide.text("PK\6\7").u32(0).u64(end).u32(1).bytes());
  Record last("PK\5\6");
  const std::uint64_t count16 = std::min<std::uint64_t>(count, 0xffff);
  put(last.u16(0).u16(0).u16(count16).u16(count16).u32(size).u32(begin).u16(0).bytes());
  file_.commit();
}

}  // namespace fledge::torch_file
