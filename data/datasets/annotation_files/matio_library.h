// libmatio, loaded when it is first asked for: it brings 35 other libraries (HDF5, curl, TLS, Kerberos) and 5 ms to the
// start of a program that most runs do not need.
#pragma once
#include <matio.h>

namespace fledge {

struct MatioLibrary {
  decltype(&::Mat_LogInitFunc) log_to;
  decltype(&::Mat_Open) open;
  decltype(&::Mat_Close) close;
  decltype(&::Mat_VarReadNext) read_next;
  decltype(&::Mat_VarFree) free;
  decltype(&::Mat_VarGetStructFieldnames) field_names;
  decltype(&::Mat_VarGetNumberOfFields) field_count;
  decltype(&::Mat_VarGetStructFieldByName) field;
  decltype(&::Mat_VarGetCell) cell;
};

/// Threads may ask at the same time. Errors (Resource): it is not installed.
const MatioLibrary& matio();

}  // namespace fledge
