#include "data/datasets/annotation_files/mat_unpack.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <span>
#include <string_view>

#include "base/error.h"

namespace fledge {
namespace {

using Span = std::span<const std::uint8_t>;

constexpr std::size_t kLimit = 24 << 20;     // of the file and of what it inflates to; cars_annos.mat inflates to 7 MB
constexpr std::size_t kMaxArrays = 400'000;  // libmatio takes some 250 bytes for each; cars_annos.mat has 114,000
constexpr std::size_t kHeader = 128;
constexpr std::size_t kMaxVariables = 1000;
constexpr int kMaxDepth = 4;  // a struct array of matrices needs two

// Types of elements and classes of arrays, tables 1-1 and 1-3 of the format.
enum : std::uint32_t { miInt8 = 1, miInt32 = 5, miUint32 = 6, miMatrix = 14, miCompressed = 15, miUtf8 = 16 };
enum : std::uint32_t { mxCell = 1, mxStruct = 2, mxChar = 4, mxDouble = 6, mxUint64 = 15 };

/// Bytes of one value of an element's type; 0 for types that hold no plain values.
std::size_t value_size(std::uint32_t type) {
  constexpr std::uint8_t kSizes[] = {0, 1, 1, 2, 2, 4, 4, 4, 0, 8, 0, 0, 8, 8, 0, 0, 1, 2, 4};
  static_assert(kSizes[miInt8] == 1 && kSizes[miUint32] == 4 && kSizes[miUtf8] == 1);
  return type < std::size(kSizes) ? kSizes[type] : 0;
}

struct Element {
  std::uint32_t type = 0;
  Span data;
};

class Refusal {
 public:
  explicit Refusal(const std::string& path) : path_(path) {}
  [[noreturn]] void operator()(const std::string& problem, const std::string& hint = "") const {
    throw Error(ErrorKind::BadInput, "", "cannot read MATLAB file '" + path_ + "': " + problem, hint);
  }

 private:
  const std::string& path_;
};

std::uint32_t little32(Span bytes, std::size_t at) {
  std::uint32_t v;
  std::memcpy(&v, bytes.data() + at, 4);  // x86-64 is little-endian
  return v;
}

/// Takes one element off the front: an eight-byte tag and its data, padded to eight bytes (not where compressed), or
/// the short form, whose four bytes of data lie in the tag.
Element take_element(Span& rest, const Refusal& refuse) {
  if (rest.size() < 8) refuse("it is cut short");
  const std::uint32_t first = little32(rest, 0);
  if (first >> 16 != 0) {
    const std::size_t bytes = first >> 16;
    if (bytes > 4) refuse("a short element says that it has " + std::to_string(bytes) + " bytes");
    const Element e{first & 0xffff, rest.subspan(4, bytes)};
    rest = rest.subspan(8);
    return e;
  }
  const std::size_t bytes = little32(rest, 4);
  if (bytes > rest.size() - 8) refuse("it is cut short, or a length in it is damaged");
  const std::size_t padded = first == miCompressed ? bytes : (bytes + 7) / 8 * 8;
  if (padded > rest.size() - 8) refuse("it is cut short");
  const Element e{first, rest.subspan(8, bytes)};
  rest = rest.subspan(8 + padded);
  return e;
}

/// Walks one variable and everything in it. libmatio believes what passes here.
class Checker {
 public:
  explicit Checker(const Refusal& refuse) : refuse_(refuse) {}

  /// Checks the content of a miMATRIX element. Returns the name of the array.
  std::string check(Span data, int depth = 0) {
    if (++arrays_ > kMaxArrays) refuse_("it has more than " + std::to_string(kMaxArrays) + " arrays");
    if (depth > kMaxDepth) refuse_("it is nested too deeply");
    if (data.empty() && depth > 0) return "";  // an empty array may be written as nothing at all
    Span rest = data;
    const Header h = header(rest);
    if (h.kind == mxStruct) {
      check_children(rest, h.count, fields(rest), depth);
    } else if (h.kind == mxCell) {
      check_children(rest, h.count, 1, depth);
    } else {
      check_values(take_element(rest, refuse_), h);
    }
    if (!rest.empty()) refuse_("an array has more data than its sizes say");
    return h.name;
  }

  /// The name alone, for variables that nobody wants and that may hold anything.
  std::string name(Span data) {
    Span rest = data;
    take_element(rest, refuse_);
    take_element(rest, refuse_);
    const Element e = take_element(rest, refuse_);
    return std::string(e.data.begin(), e.data.end());
  }

 private:
  struct Header {
    std::uint32_t kind = 0;
    std::uint64_t count = 1;
    std::string name;
  };

  Header header(Span& rest) {
    Header h;
    const Element flags = take_element(rest, refuse_);
    if (flags.type != miUint32 || flags.data.size() != 8) refuse_("the flags of an array are damaged");
    h.kind = little32(flags.data, 0) & 0xff;
    const bool plain =
        h.kind == mxCell || h.kind == mxStruct || h.kind == mxChar || (h.kind >= mxDouble && h.kind <= mxUint64);
    if (!plain) refuse_("it holds an array of class " + std::to_string(h.kind) + ", which annotations do not need");
    if (little32(flags.data, 0) & 0x800) refuse_("it holds complex numbers");
    const Element dims = take_element(rest, refuse_);
    if (dims.type != miInt32 || dims.data.size() % 4 != 0 || dims.data.size() < 8 || dims.data.size() > 32)
      refuse_("the sizes of an array are damaged");
    for (std::size_t d = 0; d < dims.data.size(); d += 4) {
      h.count *= little32(dims.data, d);
      if (h.count > kLimit) refuse_("an array says that it has " + std::to_string(h.count) + " entries");
    }
    const Element name = take_element(rest, refuse_);
    if (name.type != miInt8 || name.data.size() > 63) refuse_("the name of an array is damaged");
    h.name.assign(name.data.begin(), name.data.end());
    return h;
  }

  std::uint64_t fields(Span& rest) {
    const Element length = take_element(rest, refuse_);
    if (length.type != miInt32 || length.data.size() != 4) refuse_("the field names of a struct are damaged");
    const std::uint32_t width = little32(length.data, 0);
    const Element names = take_element(rest, refuse_);
    if (names.type != miInt8 || width < 1 || width > 64 || names.data.size() % width != 0 || names.data.empty())
      refuse_("the field names of a struct are damaged");
    for (std::size_t end = width; end <= names.data.size(); end += width)
      if (names.data[end - 1] != 0) refuse_("a field name of a struct does not end");
    return names.data.size() / width;
  }

  void check_children(Span& rest, std::uint64_t count, std::uint64_t each, int depth) {
    if (count > rest.size() / 8 / each) refuse_("an array has fewer entries than its sizes say");
    for (std::uint64_t i = 0; i < count * each; ++i) {
      const Element e = take_element(rest, refuse_);
      if (e.type != miMatrix) refuse_("an entry of a struct or cell array is no array");
      check(e.data, depth + 1);
    }
  }

  void check_values(const Element& e, const Header& h) {
    const std::size_t size = value_size(e.type);
    if (size == 0) refuse_("an array has values of the unknown type " + std::to_string(e.type));
    const bool fits = e.type == miUtf8 ? h.count <= e.data.size() : h.count * size == e.data.size();
    if (!fits) refuse_("an array has another number of values than its sizes say");
    if (h.kind == mxChar && size > 2) refuse_("a text has characters of " + std::to_string(size) + " bytes");
  }

  const Refusal& refuse_;
  std::size_t arrays_ = 0;
};

/// `budget`: what all variables together may still inflate to.
std::vector<std::uint8_t> inflate_all(Span packed, std::size_t& budget, const Refusal& refuse) {
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) throw Error(ErrorKind::Resource, "", "zlib cannot start: not enough memory");
  stream.next_in = const_cast<Bytef*>(packed.data());
  stream.avail_in = static_cast<uInt>(packed.size());
  constexpr uInt kPiece = 64 << 10;
  std::vector<std::uint8_t> out;
  int code = Z_OK;
  while (code == Z_OK && out.size() <= budget) {
    const std::size_t at = out.size();
    out.resize(at + kPiece);
    stream.next_out = out.data() + at;
    stream.avail_out = kPiece;
    code = inflate(&stream, Z_NO_FLUSH);
    out.resize(out.size() - stream.avail_out);
  }
  inflateEnd(&stream);
  if (out.size() > budget) refuse("it inflates to more than 24 MiB");
  if (code != Z_STREAM_END) refuse("a compressed variable is damaged or cut short");
  budget -= out.size();
  return out;
}

std::vector<std::uint8_t> read_file(const std::string& path, const Refusal& refuse) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) refuse("it does not exist or is no file");
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error) refuse(error.message());
  if (size > kLimit) refuse("it has more than 24 MiB");
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
  std::ifstream in(path, std::ios::binary);
  if (!in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size))) refuse("reading stopped");
  return bytes;
}

void check_header(Span bytes, const Refusal& refuse) {
  const auto begins = [&](std::string_view text) {
    return bytes.size() >= text.size() && std::equal(text.begin(), text.end(), bytes.begin());
  };
  if (begins("MATLAB 7.3") || begins("\x89HDF")) refuse("it is of version 7.3 (HDF5)", "save it with -v7");
  if (bytes.size() < kHeader) refuse("it is cut short, or no MATLAB file");
  if (bytes[126] == 'M' && bytes[127] == 'I')
    refuse("it was written on a big-endian machine", "save it again on another");
  if (bytes[126] != 'I' || bytes[127] != 'M' || bytes[124] != 0 || bytes[125] != 1)
    refuse("it does not begin as a MATLAB file of version 5 to 7 does");
}

void append_matrix(std::vector<std::uint8_t>& out, Span content) {
  const std::uint32_t tag[2] = {miMatrix, static_cast<std::uint32_t>(content.size())};
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(tag);
  out.insert(out.end(), bytes, bytes + 8);
  out.insert(out.end(), content.begin(), content.end());
  out.resize((out.size() + 7) / 8 * 8);
}

}  // namespace

std::vector<std::uint8_t> unpack_mat(const std::string& path, const std::vector<std::string>& wanted) {
  const Refusal refuse(path);
  const std::vector<std::uint8_t> bytes = read_file(path, refuse);
  check_header(bytes, refuse);
  std::vector<std::uint8_t> out(bytes.begin(), bytes.begin() + kHeader);
  std::fill(out.begin() + 116, out.begin() + 124, 0);  // no subsystem data
  Checker checker(refuse);
  std::set<std::string> seen;
  std::size_t variables = 0, budget = kLimit;
  for (Span rest = Span(bytes).subspan(kHeader); !rest.empty();) {
    if (++variables > kMaxVariables) refuse("it has more than " + std::to_string(kMaxVariables) + " variables");
    Element e = take_element(rest, refuse);
    std::vector<std::uint8_t> inflated;
    if (e.type == miCompressed) {
      inflated = inflate_all(e.data, budget, refuse);
      Span inner = inflated;
      e = take_element(inner, refuse);
    }
    if (e.type != miMatrix) refuse("a variable is of the unknown type " + std::to_string(e.type));
    const std::string name = checker.name(e.data);
    if (std::find(wanted.begin(), wanted.end(), name) == wanted.end()) continue;
    if (!seen.insert(name).second) refuse("the variable '" + name + "' is there twice");
    checker.check(e.data);
    append_matrix(out, e.data);
  }
  return out;
}

}  // namespace fledge
