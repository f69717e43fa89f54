// From a file's element type to the type it has in memory (dtype_for). For io/weights and io/npy.
#pragma once
#include <cstddef>

#include "io/weights/element_type.h"

namespace fledge {

/// Converts `size` bytes of elements; returns the end of what was written to `to`.
char* widen(ElementType type, const char* bytes, std::size_t size, char* to);

}  // namespace fledge
