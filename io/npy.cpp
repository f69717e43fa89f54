#include "io/npy.h"

#include <algorithm>
#include <cstring>

#include "io/file.h"

namespace fledge {

namespace {

struct NpyType {
  const char* descr;
  DType dtype;
};
constexpr NpyType kTypes[] = {{"<f4", DType::Float32},
                              {"<f8", DType::Float64},
                              {"<i4", DType::Int32},
                              {"<i8", DType::Int64},
                              {"|u1", DType::UInt8}};

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

DType dtype_of_descr(const std::string& descr, const std::string& path) {
  for (const NpyType& t : kTypes)
    if (descr == t.descr) return t.dtype;
  if (descr == "<u1" || descr == "u1") return DType::UInt8;
  if (descr.find('O') != std::string::npos) refuse(path, "it holds Python objects", "save a plain array of numbers");
  if (!descr.empty() && descr[0] == '>')
    refuse(path, "it is big-endian ('" + descr + "')", "convert it with .astype('<f4')");
  refuse(path, "dtype '" + descr + "' is not supported", "float32, float64, int32, int64 and uint8 are");
}

constexpr std::size_t kMaxHeader = std::size_t{1} << 16;

}  // namespace

Tensor load_npy(const std::string& path) {
  const InputFile file(path);
  std::uint8_t bytes[12] = {};
  file.read(bytes, static_cast<std::size_t>(std::min<std::uint64_t>(file.size(), sizeof bytes)), 0);
  if (file.size() < 10 || std::memcmp(bytes, "\x93NUMPY", 6) != 0) refuse(path, "it is no npy file");
  const int version = bytes[6];
  if (version != 1 && version != 2)
    refuse(path, "format version " + std::to_string(version) + " is not supported, 1 and 2 are");
  const std::size_t start = version == 1 ? 10 : 12;
  if (file.size() < start) refuse(path, "it is truncated");
  std::size_t length = bytes[8] | std::size_t{bytes[9]} << 8;
  if (version == 2) length |= std::size_t{bytes[10]} << 16 | std::size_t{bytes[11]} << 24;
  if (length > file.size() - start) refuse(path, "it is truncated inside the header");
  if (length > kMaxHeader) refuse(path, "its header has " + std::to_string(length) + " bytes, 65,536 are the most");
  std::string header(length, '\0');
  file.read(header.data(), length, start);

  std::string descr;
  bool fortran = false;
  std::vector<std::int64_t> shape;
  HeaderReader(std::move(header), path).read(descr, fortran, shape);
  const DType dtype = dtype_of_descr(descr, path);
  if (fortran && shape.size() > 1)
    refuse(path, "it is stored in Fortran order", "save it with numpy.ascontiguousarray");
  if (shape.size() > Dims::kMaxRank)
    refuse(path, "it has " + std::to_string(shape.size()) + " axes, at most 6 are supported");
  Dims dims;
  std::int64_t all =
      static_cast<std::int64_t>(size_of(dtype));  // with sizes of 0 taken as 1, so that strides cannot overflow either
  for (const std::int64_t d : shape) {
    if (__builtin_mul_overflow(all, std::max<std::int64_t>(d, 1), &all)) refuse(path, "its shape is impossible");
    dims.push_back(d);
  }
  const std::uint64_t wanted = static_cast<std::uint64_t>(dims.numel()) * size_of(dtype);
  const std::uint64_t have = file.size() - start - length;
  if (wanted != have)
    refuse(path, "shape " + to_string(dims) + " of " + name_of(dtype) + " needs " + std::to_string(wanted) +
                     " bytes but the file holds " + std::to_string(have));
  Tensor t = Tensor::empty(dims, dtype);
  if (have) file.read(t.raw(), have, start + length);
  return t;
}

void save_npy(const std::string& path, const Tensor& t) {
  const char* descr = nullptr;
  for (const NpyType& type : kTypes)
    if (type.dtype == t.dtype()) descr = type.descr;
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
  AtomicFile file(path);
  file.append(start.data(), start.size());
  file.append(header.data(), header.size());
  file.append(dense.raw(), static_cast<std::size_t>(dense.numel()) * size_of(dense.dtype()));
  file.commit();
}

}  // namespace fledge
