#include "io/checkpoint/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "io/checkpoint/safetensors_header.h"
#include "io/file.h"

namespace fledge {

static_assert(std::endian::native == std::endian::little, "weights are copied as they lie in the file");

namespace {

constexpr std::uint64_t kMaxHeader = 100'000'000;

[[noreturn]] void refuse(const std::string& path, const std::string& problem, const std::string& hint = "") {
  throw Error(ErrorKind::BadInput, "", "cannot read safetensors file '" + path + "': " + problem, hint);
}

float half_to_float(std::uint16_t h) {
  const std::uint32_t sign = std::uint32_t{h} >> 15 << 31, exponent = h >> 10 & 31u, mantissa = h & 1023u;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | mantissa << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
  const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;  // subnormal: exact in float
  return sign ? -magnitude : magnitude;
}

/// Reads the values stored as From and widens them to To.
template <class From, class To, class Convert>
void read_widened(std::ifstream& in, To* out, std::int64_t n, Convert convert) {
  std::vector<From> block(static_cast<std::size_t>(std::min<std::int64_t>(n, 1 << 16)));
  while (n > 0) {
    const std::int64_t count = std::min<std::int64_t>(n, static_cast<std::int64_t>(block.size()));
    in.read(reinterpret_cast<char*>(block.data()), count * static_cast<std::int64_t>(sizeof(From)));
    for (std::int64_t i = 0; i < count; ++i) *out++ = convert(block[i]);
    n -= count;
  }
}

template <class From>
void read_as_int32(std::ifstream& in, const Tensor& t) {
  read_widened<From>(in, t.data<std::int32_t>(), t.numel(), [](From v) { return static_cast<std::int32_t>(v); });
}

Tensor read_same(std::ifstream& in, const Dims& dims, DType dtype) {
  Tensor t = Tensor::empty(dims, dtype);
  in.read(static_cast<char*>(t.raw()), t.numel() * static_cast<std::int64_t>(size_of(dtype)));
  return t;
}

Tensor read_tensor(std::ifstream& in, const SafetensorsEntry& e, const std::string& path) {
  Dims dims;
  for (std::int64_t d : e.shape) dims.push_back(d);
  if (e.dtype == "F32") return read_same(in, dims, DType::Float32);
  if (e.dtype == "F64") return read_same(in, dims, DType::Float64);
  if (e.dtype == "BF16") return read_same(in, dims, DType::BFloat16);
  if (e.dtype == "I32") return read_same(in, dims, DType::Int32);
  if (e.dtype == "I64") return read_same(in, dims, DType::Int64);
  if (e.dtype == "U8" || e.dtype == "BOOL") return read_same(in, dims, DType::UInt8);
  if (e.dtype == "F16") {
    Tensor t = Tensor::empty(dims, DType::Float32);
    read_widened<std::uint16_t>(in, t.data<float>(), t.numel(), half_to_float);
    return t;
  }
  if (e.dtype == "U32") {
    Tensor t = Tensor::empty(dims, DType::Int64);
    read_widened<std::uint32_t>(in, t.data<std::int64_t>(), t.numel(), [](std::uint32_t v) { return std::int64_t{v}; });
    return t;
  }
  Tensor t = Tensor::empty(dims, DType::Int32);
  if (e.dtype == "I16") {
    read_as_int32<std::int16_t>(in, t);
  } else if (e.dtype == "U16") {
    read_as_int32<std::uint16_t>(in, t);
  } else if (e.dtype == "I8") {
    read_as_int32<std::int8_t>(in, t);
  } else {
    refuse(path, "tensor '" + e.name + "' has dtype " + e.dtype + ", which fledge has no type for");
  }
  return t;
}

std::string describe_shape(const SafetensorsEntry& e) {
  std::string text = "[";
  for (std::size_t i = 0; i < e.shape.size(); ++i) text += (i ? ", " : "") + std::to_string(e.shape[i]);
  return text + "]";
}

/// Shape x item size must be the byte range, without wrapping round.
void check_entry(const SafetensorsEntry& e, std::uint64_t data_bytes, const std::string& path) {
  const std::string name = "tensor '" + e.name + "'";
  const int item = safetensors_item_bytes(e.dtype);
  if (item == 0) refuse(path, name + " has the unknown dtype '" + e.dtype + "'");
  if (e.shape.size() > Dims::kMaxRank)
    refuse(path, name + " has " + std::to_string(e.shape.size()) + " axes, at most " + std::to_string(Dims::kMaxRank) +
                     " are supported");
  if (e.begin > e.end) refuse(path, name + " ends before it begins");
  if (e.end > data_bytes)
    refuse(path,
           name + " ends at byte " + std::to_string(e.end) + " of " + std::to_string(data_bytes) + " bytes of data",
           "the file is truncated: copy or download it again");
  std::int64_t all = item;  // with sizes of 0 taken as 1, so that strides cannot overflow either
  bool empty = false;
  for (std::int64_t d : e.shape) {
    empty |= d == 0;
    if (__builtin_mul_overflow(all, std::max<std::int64_t>(d, 1), &all))
      refuse(path, name + " has the impossible shape " + describe_shape(e));
  }
  const std::uint64_t bytes = empty ? 0 : static_cast<std::uint64_t>(all);
  if (bytes != e.end - e.begin)
    refuse(path, name + " of shape " + describe_shape(e) + " and dtype " + e.dtype + " needs " + std::to_string(bytes) +
                     " bytes but its range holds " + std::to_string(e.end - e.begin));
}

/// Sorts by position and checks that the ranges cover the data exactly.
void check_layout(std::vector<SafetensorsEntry>& entries, std::uint64_t data_bytes, const std::string& path) {
  for (const SafetensorsEntry& e : entries) check_entry(e, data_bytes, path);
  std::stable_sort(entries.begin(), entries.end(), [](const SafetensorsEntry& a, const SafetensorsEntry& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  std::uint64_t at = 0;
  for (const SafetensorsEntry& e : entries) {
    if (e.begin < at)
      refuse(path,
             "tensor '" + e.name + "' overlaps the one before it at byte " + std::to_string(e.begin) + " of the data");
    if (e.begin > at)
      refuse(path,
             "bytes " + std::to_string(at) + " to " + std::to_string(e.begin) + " of the data belong to no tensor");
    at = e.end;
  }
  if (at != data_bytes)
    refuse(path, std::to_string(data_bytes - at) + " bytes behind the last tensor belong to nothing");
}

const char* safetensors_name(DType t) {
  switch (t) {
    case DType::Float32:
      return "F32";
    case DType::Float64:
      return "F64";
    case DType::BFloat16:
      return "BF16";
    case DType::Int32:
      return "I32";
    case DType::Int64:
      return "I64";
    case DType::UInt8:
      return "U8";
  }
  return "?";
}

/// The header with its length in front, padded with spaces so that the data starts at a multiple of 8.
std::string make_header(const NamedTensors& tensors, const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::set<std::string> names;
  std::int64_t at = 0;
  for (const auto& [name, t] : tensors) {
    if (name == "__metadata__" || !names.insert(name).second)
      throw Error(ErrorKind::Usage, "save_safetensors",
                  "the name '" + name + "' " + (name == "__metadata__" ? "is reserved" : "is used twice"));
    if (!t.defined()) throw Error(ErrorKind::Usage, "save_safetensors", "tensor '" + name + "' is undefined");
    const std::int64_t bytes = t.numel() * static_cast<std::int64_t>(size_of(t.dtype()));
    header[name] = {{"dtype", safetensors_name(t.dtype())},
                    {"shape", std::vector<std::int64_t>(t.dims().begin(), t.dims().end())},
                    {"data_offsets", {at, at + bytes}}};
    at += bytes;
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorKind::Usage, "save_safetensors", "a name or a metadata text is not valid UTF-8");
  }
  text.append((8 - text.size() % 8) % 8, ' ');
  const std::uint64_t length = text.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + text;
}

}  // namespace

SafetensorsFile load_safetensors(const std::string& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  const std::streamoff file_size = in ? static_cast<std::streamoff>(in.tellg()) : -1;
  if (file_size < 0 || file_size == std::numeric_limits<std::streamoff>::max())
    read_file(path);  // says why it cannot be opened
  if (!in) refuse(path, "it cannot be opened");
  const std::uint64_t size = static_cast<std::uint64_t>(file_size);
  if (size < 8) refuse(path, "it has only " + std::to_string(size) + " bytes", "is this a safetensors file?");
  in.seekg(0);
  std::uint64_t length = 0;
  in.read(reinterpret_cast<char*>(&length), 8);
  if (length > kMaxHeader || length > size - 8)
    refuse(path,
           "its first bytes say that the header has " + std::to_string(length) + " bytes, the file has " +
               std::to_string(size),
           "truncated, or no safetensors file");
  std::string text(static_cast<std::size_t>(length), '\0');
  in.read(text.data(), static_cast<std::streamsize>(length));
  if (!in) refuse(path, "reading failed inside the header");
  SafetensorsHeader header = parse_safetensors_header(text, path);
  check_layout(header.entries, size - 8 - length, path);

  SafetensorsFile file;
  file.metadata = std::move(header.metadata);
  for (const SafetensorsEntry& e : header.entries) {
    file.tensors.emplace_back(e.name, read_tensor(in, e, path));
    if (!in) refuse(path, "reading failed inside tensor '" + e.name + "'");
  }
  return file;
}

void save_safetensors(const std::string& path, const NamedTensors& tensors,
                      const std::map<std::string, std::string>& metadata) {
  const std::string header = make_header(tensors, metadata);
  AtomicFile file(path);
  file.append(header.data(), header.size());
  for (const auto& [name, t] : tensors) {
    const Tensor dense = t.contiguous();
    file.append(dense.raw(), static_cast<std::size_t>(dense.numel()) * size_of(dense.dtype()));
  }
  file.commit();
}

}  // namespace fledge
