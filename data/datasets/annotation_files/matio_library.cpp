#include "data/datasets/annotation_files/matio_library.h"

#include <dlfcn.h>

#include "base/error.h"

namespace fledge {
namespace {

template <class F>
void find(void* library, F& function, const char* name) {
  function = reinterpret_cast<F>(dlsym(library, name));
  if (!function) throw Error(ErrorKind::Resource, "", std::string(FLEDGE_MATIO) + " has no function " + name);
}

MatioLibrary load() {
  void* const library = dlopen(FLEDGE_MATIO, RTLD_NOW | RTLD_LOCAL);  // for the life of the process
  if (!library) {
    throw Error(ErrorKind::Resource, "", std::string("MATLAB files need libmatio: ") + dlerror(),
                std::string("install the package that has ") + FLEDGE_MATIO + " (libmatio-dev brings it)");
  }
  MatioLibrary m{};
  find(library, m.log_to, "Mat_LogInitFunc");
  find(library, m.open, "Mat_Open");
  find(library, m.close, "Mat_Close");
  find(library, m.read_next, "Mat_VarReadNext");
  find(library, m.free, "Mat_VarFree");
  find(library, m.field_names, "Mat_VarGetStructFieldnames");
  find(library, m.field_count, "Mat_VarGetNumberOfFields");
  find(library, m.field, "Mat_VarGetStructFieldByName");
  find(library, m.cell, "Mat_VarGetCell");
  // It prints its complaints on stderr, and ends the process at the worst ones, unless it is given somewhere else.
  m.log_to("fledge", [](int, char*) {});
  return m;
}

}  // namespace

const MatioLibrary& matio() {
  static const MatioLibrary library = load();
  return library;
}

}  // namespace fledge
