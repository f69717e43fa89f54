// The numbers of a tensor in row-major order, whatever its strides. Private to io/weights.
#pragma once
#include <functional>

#include "io/weights/weight_file.h"

namespace fledge {

/// Do the numbers lie behind one another in row-major order?
bool is_contiguous(const StoredTensor& tensor);

/// `block`: first byte of the tensor's block. Bounds were proved when the file was opened.
void gather(const char* block, const StoredTensor& tensor, const std::function<void(const char*, std::size_t)>& take);

}  // namespace fledge
