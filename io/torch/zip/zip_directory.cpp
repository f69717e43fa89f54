#include "io/torch/zip/zip_directory.h"

#include <cstring>
#include <vector>

#include "io/torch/zip/zip_members.h"

namespace fledge::torch_file {
namespace {

constexpr std::uint64_t kEndBytes = 22, kLocatorBytes = 20, kEnd64Bytes = 56, kCentralBytes = 46;
constexpr std::size_t kMaxMembers = 200'000;

/// Where the central directory lies and how many entries it has.
struct DirectoryPlace {
  std::uint64_t begin = 0, end = 0, count = 0;
};

class Directory {
 public:
  Directory(std::span<const char> file, const RefuseAt& refuse) : file_(file), refuse_(refuse) {}

  std::map<std::string, ZipMember> read() {
    const DirectoryPlace place = find();
    std::vector<ZipMember> members = read_central(place);
    check_members(file_, members, place.begin, refuse_);
    std::map<std::string, ZipMember> by_name;
    for (ZipMember& m : members) {
      const std::string name = m.name;
      if (!by_name.emplace(name, std::move(m)).second)
        refuse_(place.begin, "the zip has two members named '" + name + "' in the directory");
    }
    return by_name;
  }

 private:
  template <class T>
  T number(std::uint64_t at) const {
    T value{};
    if (at > file_.size() || file_.size() - at < sizeof(T)) refuse_(at, "the zip's directory is cut off");
    std::memcpy(&value, file_.data() + at, sizeof(T));
    return value;
  }
  bool signature(std::uint64_t at, const char* text) const {
    return at <= file_.size() && file_.size() - at >= 4 && std::memcmp(file_.data() + at, text, 4) == 0;
  }

  DirectoryPlace find() const {
    if (file_.size() < kEndBytes) refuse_(0, "too short for a zip file: it ends");
    const std::uint64_t end = file_.size() - kEndBytes;
    if (!signature(end, "PK\5\6") || number<std::uint16_t>(end + 20) != 0)
      refuse_(end, "the zip does not end with its end record (it is truncated, or bytes or a comment follow)");
    if (number<std::uint16_t>(end + 4) != 0 || number<std::uint16_t>(end + 6) != 0 ||
        number<std::uint16_t>(end + 8) != number<std::uint16_t>(end + 10))
      refuse_(end, "the zip's end record speaks of several disks");
    DirectoryPlace place;
    place.count = number<std::uint16_t>(end + 10);
    const std::uint64_t size = number<std::uint32_t>(end + 12), begin = number<std::uint32_t>(end + 16);
    std::uint64_t directory_end = end;
    place.begin = begin;
    place.end = begin + size;
    const bool has64 = end >= kLocatorBytes && signature(end - kLocatorBytes, "PK\6\7");
    if (has64) {
      const DirectoryPlace wide = find64(end - kLocatorBytes);
      const bool agrees = (place.count == 0xffff || place.count == wide.count) &&
                          (begin == kMax32 || begin == wide.begin) && (size == kMax32 || size == wide.end - wide.begin);
      if (!agrees) refuse_(end, "the zip's two end records disagree");
      place = wide;
      directory_end = end - kLocatorBytes - kEnd64Bytes;
    }
    if (place.begin > place.end || place.end != directory_end)
      refuse_(end, "the zip's end record puts the directory at bytes " + std::to_string(place.begin) + " to " +
                       std::to_string(place.end) + ", but it ends at " + std::to_string(directory_end) +
                       "; the record lies");
    if (place.count > kMaxMembers) refuse_(end, "the zip has more than 200,000 members");
    return place;
  }

  DirectoryPlace find64(std::uint64_t locator) const {
    const std::uint64_t at = number<std::uint64_t>(locator + 8);
    if (locator < kEnd64Bytes || at != locator - kEnd64Bytes || !signature(at, "PK\6\6") ||
        number<std::uint64_t>(at + 4) != kEnd64Bytes - 12 || number<std::uint32_t>(locator + 4) != 0 ||
        number<std::uint32_t>(locator + 16) > 1)
      refuse_(locator, "the zip's ZIP64 end record is not where its locator says");
    const std::uint64_t count = number<std::uint64_t>(at + 32), size = number<std::uint64_t>(at + 40),
                        begin = number<std::uint64_t>(at + 48);
    if (number<std::uint64_t>(at + 24) != count || number<std::uint32_t>(at + 16) != 0 ||
        number<std::uint32_t>(at + 20) != 0 || size > file_.size() || begin > file_.size())
      refuse_(at, "the zip's ZIP64 end record holds impossible values");
    return {begin, begin + size, count};
  }

  std::vector<ZipMember> read_central(const DirectoryPlace& place) const {
    std::vector<ZipMember> members;
    std::uint64_t at = place.begin;
    for (std::uint64_t i = 0; i < place.count; ++i) {
      if (!signature(at, "PK\1\2") || place.end - at < kCentralBytes)
        refuse_(at, "the zip's directory says " + std::to_string(place.count) + " members but holds " +
                        std::to_string(i) + ": no entry");
      const std::uint64_t name_bytes = number<std::uint16_t>(at + 28), extra_bytes = number<std::uint16_t>(at + 30);
      if (place.end - at - kCentralBytes < name_bytes + extra_bytes)
        refuse_(at, "the zip's directory ends inside an entry");
      ZipMember m;
      m.name.assign(file_.data() + at + kCentralBytes, name_bytes);
      check_name(m.name, at, refuse_);
      m.flags = number<std::uint16_t>(at + 8);
      m.method = number<std::uint16_t>(at + 10);
      m.crc = number<std::uint32_t>(at + 16);
      m.packed = number<std::uint32_t>(at + 20);
      m.size = number<std::uint32_t>(at + 24);
      m.header = number<std::uint32_t>(at + 42);
      const std::string what = "zip member '" + m.name + "' ";
      if (number<std::uint16_t>(at + 32) != 0) refuse_(at, what + "has a comment, which PyTorch never writes,");
      if (number<std::uint16_t>(at + 34) != 0) refuse_(at, what + "lies on another disk");
      const bool unix = number<std::uint8_t>(at + 5) == 3;
      const std::uint32_t mode = number<std::uint32_t>(at + 38) >> 16 & 0170000;
      if (unix && mode != 0 && mode != 0100000 && mode != 0040000)
        refuse_(at, what + "is a link or device, not a file,");
      const std::span<const char> extra = file_.subspan(at + kCentralBytes + name_bytes, extra_bytes);
      if (!widen_sizes(extra, {&m.size, &m.packed, &m.header})) refuse_(at, what + "has impossible ZIP64 sizes");
      members.push_back(std::move(m));
      at += kCentralBytes + name_bytes + extra_bytes;
    }
    if (at != place.end)
      refuse_(at, "the zip's directory says " + std::to_string(place.count) + " members but holds more");
    return members;
  }

  std::span<const char> file_;
  const RefuseAt& refuse_;
};

}  // namespace

std::map<std::string, ZipMember> read_zip_directory(std::span<const char> file, const RefuseAt& refuse) {
  return Directory(file, refuse).read();
}

}  // namespace fledge::torch_file
