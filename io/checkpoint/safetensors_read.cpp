// Reading safetensors: the header's syntax is parsed in safetensors_header.cpp, its sense is checked here.
#include <algorithm>
#include <cstring>

#include "base/printable.h"
#include "io/checkpoint/safetensors_header.h"
#include "io/weights/content.h"
#include "io/weights/gather.h"

namespace fledge {
namespace {

constexpr std::uint64_t kMaxHeader = 100'000'000;
constexpr std::size_t kMaxTensors = 100'000, kMaxAxes = 8;

class SafetensorsReader {
 public:
  explicit SafetensorsReader(WeightFile::Content& content) : content_(content) {}

  void read() {
    const std::uint64_t size = content_.bytes.size();
    if (size < 8)
      content_.refuse("it has only " + std::to_string(size) + " bytes, too few for the header's length at byte 0",
                      "is this a safetensors file?");
    std::uint64_t length = 0;
    std::memcpy(&length, content_.bytes.data(), 8);
    if (length > kMaxHeader || length > size - 8)
      content_.refuse("its first bytes say that the header has " + std::to_string(length) + " bytes, the file has " +
                          std::to_string(size),
                      "truncated, or no safetensors file");
    SafetensorsHeader header =
        parse_safetensors_header({content_.bytes.data() + 8, length}, content_.path, kMaxTensors);
    data_at_ = 8 + length;
    check_layout(header.entries);
    for (const SafetensorsEntry& e : header.entries) add(e);
    content_.info.metadata = std::move(header.metadata);
    content_.info.root = "dict";
    const auto writer = content_.info.metadata.find("format");
    const std::string form = writer == content_.info.metadata.end() ? "" : writer->second;
    content_.info.writer = form.rfind("fledge", 0) == 0 ? "fledge"
                           : form == "pt"               ? "safetensors for PyTorch"
                                                        : "safetensors";
  }

 private:
  void add(const SafetensorsEntry& e) {
    StoredTensor t;
    t.name = e.name;
    t.type = *element_of_safetensors(e.dtype);
    t.shape = e.shape;
    t.strides = row_major_strides(e.shape);
    t.block = content_.blocks.size();
    content_.blocks.push_back({.data = content_.bytes.data() + data_at_ + e.begin,
                               .packed = e.end - e.begin,
                               .bytes = e.end - e.begin,
                               .member = {}});
    content_.tensors.push_back(std::move(t));
  }

  /// Shape x item size must be the byte range, without wrapping round.
  void check_entry(const SafetensorsEntry& e, std::uint64_t data_bytes) const {
    const std::string name = "tensor '" + e.name + "'";
    const auto type = element_of_safetensors(e.dtype);
    if (!type) content_.refuse(name + " has the unknown dtype '" + e.dtype + "'");
    if (e.shape.size() > kMaxAxes)
      content_.refuse(name + " has " + std::to_string(e.shape.size()) + " axes, at most 8 are supported");
    if (e.begin > e.end) content_.refuse(name + " ends before it begins");
    if (e.end > data_bytes)
      content_.refuse(
          name + " ends at byte " + std::to_string(e.end) + " of " + std::to_string(data_bytes) + " bytes of data",
          "the file is truncated: copy or download it again");
    std::int64_t all = info_of(*type).bytes;  // with sizes of 0 taken as 1, so that strides cannot overflow either
    bool empty = false;
    for (const std::int64_t d : e.shape) {
      empty |= d == 0;
      if (__builtin_mul_overflow(all, std::max<std::int64_t>(d, 1), &all))
        content_.refuse(name + " has the impossible shape " + list_text(e.shape));
    }
    const std::uint64_t bytes = empty ? 0 : static_cast<std::uint64_t>(all);
    if (bytes != e.end - e.begin)
      content_.refuse(name + " of shape " + list_text(e.shape) + " and dtype " + e.dtype + " needs " +
                      std::to_string(bytes) + " bytes but its range holds " + std::to_string(e.end - e.begin));
  }

  /// Sorts by position and checks that the ranges cover the data exactly.
  void check_layout(std::vector<SafetensorsEntry>& entries) const {
    const std::uint64_t data_bytes = content_.bytes.size() - data_at_;
    for (const SafetensorsEntry& e : entries) check_entry(e, data_bytes);
    std::stable_sort(entries.begin(), entries.end(), [](const SafetensorsEntry& a, const SafetensorsEntry& b) {
      return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
    });
    std::uint64_t at = 0;
    for (const SafetensorsEntry& e : entries) {
      if (e.begin < at)
        content_.refuse("tensor '" + e.name + "' overlaps the one before it at byte " + std::to_string(e.begin) +
                        " of the data");
      if (e.begin > at)
        content_.refuse("bytes " + std::to_string(at) + " to " + std::to_string(e.begin) +
                        " of the data belong to no tensor");
      at = e.end;
    }
    if (at != data_bytes)
      content_.refuse(std::to_string(data_bytes - at) + " bytes behind the last tensor belong to nothing, from byte " +
                      std::to_string(data_at_ + at) + " on");
  }

  WeightFile::Content& content_;
  std::uint64_t data_at_ = 8;
};

}  // namespace

void read_safetensors(WeightFile::Content& content) { SafetensorsReader(content).read(); }

}  // namespace fledge
