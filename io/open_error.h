// What errno says after open(): is the path wrong, or does the machine not give what is there?
#pragma once
#include <cerrno>

namespace fledge {

/// The path names nothing: the caller's mistake (BadInput). Otherwise it is there and could not be opened or read:
/// rights, descriptors, the disk (Resource).
inline bool names_nothing(int error) {
  return error == ENOENT || error == ENOTDIR || error == ELOOP || error == ENAMETOOLONG;
}

}  // namespace fledge
