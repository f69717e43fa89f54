#include "data/datasets/annotation_files/mat_annotations.h"

#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "base/error.h"
#include "data/datasets/annotation_files/mat_unpack.h"
#include "data/datasets/annotation_files/matio_library.h"
#include "io/descriptor.h"
#include "io/utf8.h"

namespace fledge {
namespace {

constexpr const char* kRecords = "annotations";
constexpr const char* kClassNames = "class_names";

[[noreturn]] void refuse_mat(const std::string& path, const std::string& problem) {
  throw Error(ErrorKind::BadInput, "", "cannot read MATLAB file '" + path + "': " + problem);
}

/// libmatio reads by name: the checked bytes lie in a file that is in memory only.
class MemoryFile {
 public:
  explicit MemoryFile(const std::vector<std::uint8_t>& bytes) : file_(memfd_create("annotations", MFD_CLOEXEC)) {
    const ssize_t size = static_cast<ssize_t>(bytes.size());
    if (file_.fd < 0 || write_all(file_.fd, bytes.data(), bytes.size(), 0) != size)
      throw Error(ErrorKind::Resource, "",
                  "no memory to unpack a MATLAB file of " + std::to_string(bytes.size()) + " bytes");
  }
  std::string path() const { return "/proc/self/fd/" + std::to_string(file_.fd); }

 private:
  Descriptor file_;
};

using MatFile = std::unique_ptr<mat_t, int (*)(mat_t*)>;
using MatVariable = std::unique_ptr<matvar_t, void (*)(matvar_t*)>;

std::size_t count_of(const matvar_t& v) {
  std::size_t n = v.rank < 1 ? 0 : 1;
  for (int d = 0; d < v.rank; ++d) n *= v.dims[d];
  return n;
}

template <class T>
bool read_as(const matvar_t& v, double& out) {
  T value;
  if (v.data_size != static_cast<int>(sizeof value) || v.nbytes < sizeof value) return false;
  std::memcpy(&value, v.data, sizeof value);
  out = static_cast<double>(value);
  return true;
}

bool read_scalar(const matvar_t* v, double& out) {
  if (!v || !v->data || v->isComplex || count_of(*v) != 1) return false;
  constexpr std::pair<matio_types, bool (*)(const matvar_t&, double&)> kReaders[] = {
      {MAT_T_INT8, read_as<std::int8_t>},   {MAT_T_UINT8, read_as<std::uint8_t>},
      {MAT_T_INT16, read_as<std::int16_t>}, {MAT_T_UINT16, read_as<std::uint16_t>},
      {MAT_T_INT32, read_as<std::int32_t>}, {MAT_T_UINT32, read_as<std::uint32_t>},
      {MAT_T_INT64, read_as<std::int64_t>}, {MAT_T_UINT64, read_as<std::uint64_t>},
      {MAT_T_SINGLE, read_as<float>},       {MAT_T_DOUBLE, read_as<double>}};
  for (const auto& [type, read] : kReaders)
    if (v->data_type == type) return read(*v, out);
  return false;
}

/// A row of characters: bytes, or 16-bit units (none of the known files leaves the basic plane).
bool read_text(const matvar_t* v, std::string& out) {
  if (!v || !v->data || v->class_type != MAT_C_CHAR || v->rank != 2 || v->dims[0] != 1) return false;
  const std::size_t n = v->dims[1];
  const auto* bytes = static_cast<const unsigned char*>(v->data);
  out.clear();
  if (v->data_type == MAT_T_UINT16 || v->data_type == MAT_T_UTF16) {
    if (n > v->nbytes / 2) return false;
    for (std::size_t i = 0; i < n; ++i) append_utf8(out, bytes[2 * i] | bytes[2 * i + 1] << 8);
    return true;
  }
  const bool utf8 = v->data_type == MAT_T_UTF8;
  if ((!utf8 && v->data_type != MAT_T_UINT8 && v->data_type != MAT_T_INT8) || n > v->nbytes) return false;
  for (std::size_t i = 0; i < n; ++i) {
    if (utf8)
      out += static_cast<char>(bytes[i]);
    else
      append_utf8(out, bytes[i]);
  }
  return true;
}

bool has_field(const matvar_t& v, const std::string& wanted) {
  char* const* names = matio().field_names(&v);
  const unsigned count = matio().field_count(const_cast<matvar_t*>(&v));
  return names && std::any_of(names, names + count, [&](const char* name) { return name && wanted == name; });
}

std::int64_t read_class(const std::string& path, const matvar_t* v, const std::string& entry) {
  double value = 0;
  if (!read_scalar(v, value) || !(value >= 1 && value <= 1e6) || value != std::floor(value))
    refuse_mat(path, entry + " has no whole number above 0 as its class");
  return static_cast<std::int64_t>(value);
}

std::vector<MatRecord> read_records(const std::string& path, matvar_t& v) {
  if (v.class_type != MAT_C_STRUCT || !v.data) refuse_mat(path, "'annotations' is no struct array");
  const std::size_t count = count_of(v);
  if (count == 0) refuse_mat(path, "'annotations' is empty");
  const char* file_field = has_field(v, "relative_im_path") ? "relative_im_path" : "fname";
  const bool labeled = has_field(v, "class"), split = has_field(v, "test");
  std::vector<MatRecord> records(count);
  for (std::size_t i = 0; i < count; ++i) {
    MatRecord& r = records[i];
    const std::string entry = "annotations(" + std::to_string(i + 1) + ")";
    const auto field = [&](const char* name) { return matio().field(&v, name, i); };
    if (!read_text(field(file_field), r.file)) refuse_mat(path, entry + " has no text in '" + file_field + "'");
    const std::pair<const char*, double*> corners[] = {
        {"bbox_x1", &r.x1}, {"bbox_y1", &r.y1}, {"bbox_x2", &r.x2}, {"bbox_y2", &r.y2}};
    for (const auto& [name, value] : corners)
      if (!read_scalar(field(name), *value)) refuse_mat(path, entry + " has no number in '" + name + "'");
    if (labeled) r.class_id = read_class(path, field("class"), entry);
    if (double test = 0; split && read_scalar(field("test"), test)) r.test = test != 0;
  }
  return records;
}

std::vector<std::string> read_names(const std::string& path, matvar_t& v) {
  if (v.class_type != MAT_C_CELL || !v.data) refuse_mat(path, "'class_names' is no cell array");
  std::vector<std::string> names(count_of(v));
  for (std::size_t i = 0; i < names.size(); ++i)
    if (!read_text(matio().cell(&v, static_cast<int>(i)), names[i]) || names[i].empty())
      refuse_mat(path, "class_names{" + std::to_string(i + 1) + "} is no text");
  return names;
}

}  // namespace

MatAnnotations read_mat_annotations(const std::string& path) {
  const MemoryFile memory(unpack_mat(path, {kRecords, kClassNames}));
  const MatioLibrary& library = matio();
  const MatFile file(library.open(memory.path().c_str(), MAT_ACC_RDONLY), library.close);
  if (!file) refuse_mat(path, "libmatio does not open it");
  MatAnnotations found;
  bool any = false;
  while (const MatVariable v{library.read_next(file.get()), library.free}) {
    any = true;
    const std::string name = v->name ? v->name : "";
    if (name == kRecords) found.records = read_records(path, *v);
    if (name == kClassNames) found.class_names = read_names(path, *v);
  }
  if (!any) refuse_mat(path, "it holds neither 'annotations' nor 'class_names'");
  return found;
}

}  // namespace fledge
