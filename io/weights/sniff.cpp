#include "io/weights/sniff.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace fledge {
namespace {

struct Magic {
  std::string_view bytes;
  const char* what;
};

using namespace std::string_view_literals;
constexpr Magic kForeign[] = {
    {"\x1f\x8b"sv, "gzip data: unpack the file first"},
    {"BZh"sv, "bzip2 data: unpack the file first"},
    {"\xfd"
     "7zXZ"sv,
     "xz data: unpack the file first"},
    {"7z\xbc\xaf"sv, "a 7z archive: unpack it first"},
    {"\x89HDF\r\n"sv, "an HDF5 file (Keras), which fledge does not read"},
    {"\x93NUMPY"sv, "a NumPy array"},
    {"version https://git-lfs"sv, "a git-LFS pointer: the weights themselves were not downloaded"},
    {"TDF"sv, "a TensorFlow file"},
    {"GGUF"sv, "a GGUF file, which fledge does not read"},
};

bool begins_with(std::span<const char> bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

/// The header's length, and a '{' where it should begin.
bool looks_like_safetensors(std::span<const char> bytes) {
  if (bytes.size() < 9) return false;
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  return bytes[8] == '{' || (length <= bytes.size() && length > 0 && bytes[7] == 0 && bytes[6] == 0 && bytes[5] == 0);
}

}  // namespace

WeightFormat sniff_weights(std::span<const char> bytes) {
  if (begins_with(bytes, "PK\3\4") || begins_with(bytes, "PK\5\6")) return WeightFormat::Zip;
  if (bytes.size() >= 512 && std::memcmp(bytes.data() + 257, "ustar", 5) == 0) return WeightFormat::Tar;
  if (begins_with(bytes, "L119547037146038801333356L\n")) return WeightFormat::Pickle;  // protocols 0 and 1: no PROTO
  const bool proto = bytes.size() >= 2 && bytes[0] == '\x80' && bytes[1] >= 2 && bytes[1] <= 5;
  if (proto && !(bytes.size() > 8 && bytes[8] == '{')) return WeightFormat::Pickle;
  // A zip that does not begin with an entry is refused by its reader, which says where the first entry lies.
  const std::size_t tail = std::min<std::size_t>(bytes.size(), 22);
  if (bytes.size() >= 22 && std::memcmp(bytes.data() + bytes.size() - tail, "PK\5\6", 4) == 0) return WeightFormat::Zip;
  if (looks_like_safetensors(bytes)) return WeightFormat::Safetensors;
  return WeightFormat::Other;
}

std::string describe_foreign(std::span<const char> bytes) {
  for (const Magic& m : kForeign)
    if (begins_with(bytes, m.bytes)) return m.what;
  const std::string_view head(bytes.data(), std::min<std::size_t>(bytes.size(), 256));
  std::string lower(head);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  if (lower.find("<html") != std::string::npos || lower.find("<!doctype") != std::string::npos)
    return "a web page, not weights: the download went wrong";
  if (head[0] == '\x80' || head[0] == 'c' || head[0] == '(')
    return "something like a bare pickle without PyTorch's container";
  const bool text = std::all_of(head.begin(), head.end(), [](unsigned char c) { return c >= 32 || std::isspace(c); });
  return text ? "text, not weights" : "nothing that fledge knows as a weight file";
}

}  // namespace fledge
