// The numbers of a tensor in row-major order, whatever its strides. Private to io.
#pragma once
#include <functional>

#include "io/weights/weight_file.h"

namespace fledge {

/// Bytes that are handed over at a time.
constexpr std::size_t kPiece = std::size_t{1} << 20;

/// Strides in elements of numbers that lie behind one another; sizes of 0 count as 1.
std::vector<std::int64_t> row_major_strides(const std::vector<std::int64_t>& shape);

/// Do the numbers lie behind one another in row-major order?
bool is_contiguous(const StoredTensor& tensor);

/// `block`: first byte of the tensor's block. Bounds were proved when the file was opened.
void gather(const char* block, const StoredTensor& tensor, const std::function<void(const char*, std::size_t)>& take);

}  // namespace fledge
