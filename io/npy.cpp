#include "io/npy.h"

#include <algorithm>
#include <cstring>
#include <functional>

#include "io/file.h"
#include "io/weights/element_type.h"
#include "io/weights/widen.h"

namespace fledge {
namespace {

constexpr std::size_t kMaxHeader = std::size_t{1} << 16;

struct NpyType {
  const char* descr;
  ElementType type;
};
constexpr NpyType kTypes[] = {{"<f4", ElementType::F32}, {"<f8", ElementType::F64}, {"<f2", ElementType::F16},
                              {"<i4", ElementType::I32}, {"<i8", ElementType::I64}, {"<i2", ElementType::I16},
                              {"|i1", ElementType::I8},  {"|u1", ElementType::U8},  {"<u2", ElementType::U16},
                              {"<u4", ElementType::U32}, {"<u8", ElementType::U64}, {"|b1", ElementType::Bool}};

[[noreturn]] void refuse(const std::string& path, const std::string& problem, const std::string& hint = "") {
  throw Error(ErrorKind::BadInput, "", "cannot read npy file '" + path + "': " + problem, hint);
}

/// Reads the header's Python dictionary of three known entries; anything else is malformed. Nothing is evaluated.
class HeaderReader {
 public:
  HeaderReader(std::string text, const std::string& path) : text_(std::move(text)), path_(path) {}

  void read(std::string& descr, bool& fortran, std::vector<std::int64_t>& shape) {
    bool seen[3] = {};
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr" && !seen[0]) {
        seen[0] = true;
        if (peek() == '[') refuse(path_, "structured records are not supported", "save a plain array");
        descr = quoted();
      } else if (key == "fortran_order" && !seen[1]) {
        seen[1] = true;
        fortran = boolean();
      } else if (key == "shape" && !seen[2]) {
        seen[2] = true;
        shape = tuple();
      } else {
        malformed();
      }
      if (!accept(',') && peek() != '}') malformed();
    }
    if (!seen[0] || !seen[1] || !seen[2] || peek() != '\0') malformed();
  }

 private:
  [[noreturn]] void malformed() { refuse(path_, "malformed header near byte " + std::to_string(at_)); }
  char peek() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool accept(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) malformed();
  }
  std::string quoted() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') malformed();
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string::npos) malformed();
    const std::string s = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return s;
  }
  bool boolean() {
    peek();
    for (const bool value : {false, true}) {
      const std::string word = value ? "True" : "False";
      if (text_.compare(at_, word.size(), word) == 0) return at_ += word.size(), value;
    }
    malformed();
  }
  std::vector<std::int64_t> tuple() {
    std::vector<std::int64_t> values;
    expect('(');
    while (!accept(')')) {
      const std::size_t start = (peek(), at_);
      std::int64_t v = 0;
      for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_)
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, text_[at_] - '0', &v)) malformed();
      if (at_ == start) malformed();
      values.push_back(v);
      if (!accept(',') && peek() != ')') malformed();
    }
    return values;
  }

  std::string text_;
  const std::string& path_;
  std::size_t at_ = 0;
};

ElementType type_of_descr(const std::string& descr, const std::string& path) {
  for (const NpyType& t : kTypes)
    if (descr == t.descr) return t.type;
  if (descr == "<u1" || descr == "u1") return ElementType::U8;
  if (descr == "<i1" || descr == "i1") return ElementType::I8;
  if (descr.find('O') != std::string::npos) refuse(path, "it holds Python objects", "save a plain array of numbers");
  if (!descr.empty() && descr[0] == '>')
    refuse(path, "it is big-endian ('" + descr + "')", "convert it with .astype('<f4')");
  refuse(path, "dtype '" + descr + "' is not supported", "real numbers of 1 to 8 bytes are: convert it with .astype");
}

/// Numbers of a type without a place above 2^63 are named, not wrapped around.
void check_uint64(const Tensor& t, const std::string& path) {
  for (std::int64_t i = 0; i < t.numel(); ++i)
    if (const std::int64_t value = t.data<std::int64_t>()[i]; value < 0)
      refuse(path, "number " + std::to_string(i) + " is " + std::to_string(static_cast<std::uint64_t>(value)) +
                       ", more than int64 holds");
}

/// Bytes of a file, or of memory.
struct NpySource {
  std::uint64_t size;
  std::function<void(void* to, std::size_t size, std::uint64_t at)> read;
};

/// What the header says, and where the numbers begin.
struct NpyHeader {
  std::string descr;
  bool fortran = false;
  std::vector<std::int64_t> shape;
  std::size_t end = 0;
};

NpyHeader read_header(const NpySource& source, const std::string& path) {
  std::uint8_t bytes[12] = {};
  source.read(bytes, static_cast<std::size_t>(std::min<std::uint64_t>(source.size, sizeof bytes)), 0);
  if (source.size < 10 || std::memcmp(bytes, "\x93NUMPY", 6) != 0) refuse(path, "it is no npy file");
  const int version = bytes[6];
  if (version != 1 && version != 2)
    refuse(path, "format version " + std::to_string(version) + " is not supported, 1 and 2 are");
  const std::size_t start = version == 1 ? 10 : 12;
  if (source.size < start) refuse(path, "it is truncated");
  std::size_t length = bytes[8] | std::size_t{bytes[9]} << 8;
  if (version == 2) length |= std::size_t{bytes[10]} << 16 | std::size_t{bytes[11]} << 24;
  if (length > source.size - start) refuse(path, "it is truncated inside the header");
  if (length > kMaxHeader) refuse(path, "its header has " + std::to_string(length) + " bytes, 65,536 are the most");
  std::string text(length, '\0');
  source.read(text.data(), length, start);
  NpyHeader header;
  HeaderReader(std::move(text), path).read(header.descr, header.fortran, header.shape);
  header.end = start + length;
  return header;
}

/// `have` bytes of numbers in the type of the file.
void read_numbers(const NpySource& source, std::uint64_t at, std::size_t have, ElementType type, const Tensor& t) {
  if (have == 0) return;
  if (have == static_cast<std::size_t>(t.numel()) * size_of(t.dtype())) return source.read(t.raw(), have, at);
  std::vector<char> bytes(have);
  source.read(bytes.data(), have, at);
  widen(type, bytes.data(), have, static_cast<char*>(t.raw()));
}

Tensor read_npy(const NpySource& source, const std::string& path) {
  const NpyHeader header = read_header(source, path);
  const ElementType type = type_of_descr(header.descr, path);
  const DType dtype = dtype_for(type).value_or(DType::Int64);  // uint64
  if (header.fortran && header.shape.size() > 1)
    refuse(path, "it is stored in Fortran order", "save it with numpy.ascontiguousarray");
  if (header.shape.size() > Dims::kMaxRank)
    refuse(path, "it has " + std::to_string(header.shape.size()) + " axes, at most 6 are supported");
  Dims dims;
  std::int64_t all =
      static_cast<std::int64_t>(size_of(dtype));  // with sizes of 0 taken as 1, so that strides cannot overflow either
  for (const std::int64_t d : header.shape) {
    if (__builtin_mul_overflow(all, std::max<std::int64_t>(d, 1), &all)) refuse(path, "its shape is impossible");
    dims.push_back(d);
  }
  const std::uint64_t wanted =
      static_cast<std::uint64_t>(dims.numel()) * static_cast<std::uint64_t>(info_of(type).bytes);
  const std::uint64_t have = source.size - header.end;
  if (wanted != have)
    refuse(path, "shape " + to_string(dims) + " of " + info_of(type).name + " needs " + std::to_string(wanted) +
                     " bytes but the file holds " + std::to_string(have));
  const Tensor t = Tensor::empty(dims, dtype);
  read_numbers(source, header.end, have, type, t);
  if (type == ElementType::U64) check_uint64(t, path);
  return t;
}

}  // namespace

Tensor parse_npy(std::span<const std::uint8_t> bytes, const std::string& path) {
  const auto read = [bytes](void* to, std::size_t size, std::uint64_t at) {
    if (size > 0) std::memcpy(to, bytes.data() + at, size);
  };
  return read_npy({bytes.size(), read}, path);
}

Tensor load_npy(const std::string& path) {
  const InputFile file(path);
  const auto read = [&file](void* to, std::size_t size, std::uint64_t at) { file.read(to, size, at); };
  return read_npy({file.size(), read}, path);
}

void append_npy(AtomicFile& file, const Tensor& t) {
  const char* descr = nullptr;
  for (const NpyType& type : kTypes)
    if (type.type == element_for(t.dtype())) descr = type.descr;
  if (!descr)
    throw Error(ErrorKind::Usage, "save_npy", std::string("npy has no type for ") + name_of(t.dtype()),
                "convert it to float32 first");
  std::string header = std::string("{'descr': '") + descr + "', 'fortran_order': False, 'shape': (";
  for (int i = 0; i < t.rank(); ++i)
    header += std::to_string(t.dim(i)) + (t.rank() == 1 ? "," : i + 1 < t.rank() ? ", " : "");
  header += "), }";
  header.append(63 - (10 + header.size()) % 64, ' ');  // the data starts at a multiple of 64
  header += '\n';
  std::string start("\x93NUMPY\x01\x00", 8);
  start += static_cast<char>(header.size() & 255);
  start += static_cast<char>(header.size() >> 8);
  const Tensor dense = t.contiguous();
  file.append(start.data(), start.size());
  file.append(header.data(), header.size());
  file.append(dense.raw(), static_cast<std::size_t>(dense.numel()) * size_of(dense.dtype()));
}

void save_npy(const std::string& path, const Tensor& t) {
  AtomicFile file(path);
  append_npy(file, t);
  file.commit();
}

}  // namespace fledge
