#include "io/torch/zip/zip_members.h"

#include <algorithm>
#include <cstring>

namespace fledge::torch_file {
namespace {

constexpr std::uint64_t kLocalBytes = 30;
constexpr std::uint16_t kDescriptor = 1u << 3, kUtf8 = 1u << 11, kDeflateLevel = 3u << 1;

template <class T>
T number(std::span<const char> file, std::uint64_t at) {
  T value;
  std::memcpy(&value, file.data() + at, sizeof(T));
  return value;
}

/// Extra fields are (id, size, bytes); the padding that PyTorch writes is one of them ("FB"). Empty when the field is
/// not there, or twice.
std::span<const char> extra_field(std::span<const char> extra, std::uint16_t id) {
  std::span<const char> found;
  for (std::size_t at = 0; at + 4 <= extra.size();) {
    const std::size_t size = number<std::uint16_t>(extra, at + 2);
    if (size > extra.size() - at - 4) return {};
    if (number<std::uint16_t>(extra, at) == id) {
      if (found.data()) return {};
      found = extra.subspan(at + 4, size);
    }
    at += 4 + size;
  }
  return found;
}

void check_local(std::span<const char> file, ZipMember& m, std::uint64_t directory, const RefuseAt& refuse) {
  const std::string what = "zip member '" + m.name + "' ";
  if (m.header > directory || directory - m.header < kLocalBytes)
    refuse(m.header, what + "begins outside the file's data,");
  if (std::memcmp(file.data() + m.header, "PK\3\4", 4) != 0) refuse(m.header, what + "has no local header");
  const std::uint64_t h = m.header, name_bytes = number<std::uint16_t>(file, h + 26),
                      extra_bytes = number<std::uint16_t>(file, h + 28);
  m.data = h + kLocalBytes + name_bytes + extra_bytes;
  if (m.data > directory || m.packed > directory - m.data) refuse(h, what + "ends outside the file's data,");
  if (m.name.compare(0, std::string::npos, file.data() + h + kLocalBytes, name_bytes) != 0)
    refuse(h, what + "has another name in its local header");
  if (m.flags & ~(kDescriptor | kUtf8 | kDeflateLevel)) refuse(h, what + "is encrypted or has flags of no use here,");
  if (m.method != 0 && m.method != 8) refuse(h, what + "has compression method " + std::to_string(m.method));
  if (m.method == 0 && m.packed != m.size) refuse(h, what + "is stored, with two different sizes,");
  if (number<std::uint16_t>(file, h + 6) != m.flags || number<std::uint16_t>(file, h + 8) != m.method)
    refuse(h, what + "has other flags or another method in its local header");
  const std::uint32_t crc = number<std::uint32_t>(file, h + 14);
  std::uint64_t packed = number<std::uint32_t>(file, h + 18), size = number<std::uint32_t>(file, h + 22);
  const bool later = (m.flags & kDescriptor) && crc == 0 && packed == 0 && size == 0;  // said behind the data
  if (later) return;
  if (!widen_sizes(file.subspan(h + kLocalBytes + name_bytes, extra_bytes), {&size, &packed}))
    refuse(h, what + "has impossible ZIP64 sizes in its local header");
  // With a descriptor behind the data, the local header may leave out either.
  const bool agree = (crc == m.crc || ((m.flags & kDescriptor) && crc == 0)) && packed == m.packed && size == m.size;
  if (!agree) refuse(h, what + "has another size or checksum in its local header");
}

/// Between the member's data and what follows lies its descriptor, and nothing else.
void check_gap(std::span<const char> file, const ZipMember& m, std::uint64_t next, const RefuseAt& refuse) {
  const std::uint64_t end = m.data + m.packed;
  const std::string what = "zip member '" + m.name + "' ";
  if (end > next) refuse(m.header, what + "overlaps what follows it");
  std::uint64_t at = end, gap = next - end;
  if (!(m.flags & kDescriptor)) {
    if (gap != 0) refuse(end, std::to_string(gap) + " bytes that belong to no member follow " + what + "in the zip");
    return;
  }
  if (gap == 16 || gap == 24) {
    if (std::memcmp(file.data() + at, "PK\7\10", 4) != 0) refuse(at, what + "has no descriptor behind its data");
    at += 4, gap -= 4;
  }
  if (gap != 12 && gap != 20)
    refuse(end, std::to_string(gap) + " bytes that belong to no member follow " + what + "in the zip");
  const std::uint64_t packed = gap == 12 ? number<std::uint32_t>(file, at + 4) : number<std::uint64_t>(file, at + 4);
  const std::uint64_t size = gap == 12 ? number<std::uint32_t>(file, at + 8) : number<std::uint64_t>(file, at + 12);
  if (number<std::uint32_t>(file, at) != m.crc || packed != m.packed || size != m.size)
    refuse(at, what + "has another size or checksum in its descriptor");
}

}  // namespace

void check_name(const std::string& name, std::uint64_t at, const RefuseAt& refuse) {
  const bool control = std::any_of(name.begin(), name.end(), [](unsigned char c) { return c < 32 || c == 127; });
  if (name.empty() || control) refuse(at, "a zip member has an empty name or control characters in it,");
  const bool climbs = name == ".." || name.rfind("../", 0) == 0 || name.find("/../") != std::string::npos ||
                      (name.size() >= 3 && name.compare(name.size() - 3, 3, "/..") == 0);
  if (name[0] == '/' || climbs || name.find('\\') != std::string::npos)
    refuse(at, "zip member '" + name + "' has an absolute or climbing path");
}

bool widen_sizes(std::span<const char> extra, std::initializer_list<std::uint64_t*> values) {
  const std::span<const char> field = extra_field(extra, 1);
  std::size_t at = 0;
  for (std::uint64_t* value : values) {
    if (*value != kMax32) continue;
    if (field.size() < at + 8) return false;
    *value = number<std::uint64_t>(field, at);
    if (*value > std::uint64_t{1} << 62) return false;
    at += 8;
  }
  return true;
}

void check_members(std::span<const char> file, std::vector<ZipMember>& members, std::uint64_t directory,
                   const RefuseAt& refuse) {
  for (ZipMember& m : members) check_local(file, m, directory, refuse);
  std::sort(members.begin(), members.end(), [](const ZipMember& a, const ZipMember& b) { return a.header < b.header; });
  if (members.empty()) refuse(0, "the zip has no members");
  if (members[0].header != 0)
    refuse(0, std::to_string(members[0].header) +
                  " bytes lie before the zip's first member, from the file's beginning on,");
  for (std::size_t i = 0; i < members.size(); ++i)
    check_gap(file, members[i], i + 1 < members.size() ? members[i + 1].header : directory, refuse);
}

}  // namespace fledge::torch_file
