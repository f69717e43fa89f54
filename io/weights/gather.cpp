#include "io/weights/gather.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace fledge {
namespace {

/// Copies `count` elements of `Bytes` bytes, `stride` elements apart.
template <std::size_t Bytes>
void copy_row(const char* from, std::int64_t stride, std::int64_t count, char* to) {
  for (std::int64_t i = 0; i < count; ++i, from += stride * static_cast<std::int64_t>(Bytes), to += Bytes)
    std::memcpy(to, from, Bytes);
}

using CopyRow = void (*)(const char*, std::int64_t, std::int64_t, char*);
CopyRow copy_row_of(int bytes) {
  switch (bytes) {
    case 1:
      return copy_row<1>;
    case 2:
      return copy_row<2>;
    case 4:
      return copy_row<4>;
    case 8:
      return copy_row<8>;
    default:
      return copy_row<16>;
  }
}

}  // namespace

std::vector<std::int64_t> row_major_strides(const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * std::max<std::int64_t>(shape[i], 1);
  return strides;
}

bool is_contiguous(const StoredTensor& t) {
  std::int64_t expected = 1;
  for (std::size_t i = t.shape.size(); i-- > 0;) {
    if (t.shape[i] != 1 && t.strides[i] != expected) return false;
    expected *= t.shape[i];
  }
  return true;
}

void gather(const char* block, const StoredTensor& t, const std::function<void(const char*, std::size_t)>& take) {
  const int bytes = info_of(t.type).bytes;
  const std::int64_t numel = t.numel();
  if (numel == 0) return;
  const char* base = block + t.offset * bytes;
  if (is_contiguous(t)) {
    const std::size_t all = static_cast<std::size_t>(numel) * bytes;
    for (std::size_t at = 0; at < all; at += kPiece) take(base + at, std::min(kPiece, all - at));
    return;
  }
  const std::size_t rank = t.shape.size();
  const std::int64_t last = t.shape[rank - 1], stride = t.strides[rank - 1];
  const CopyRow copy = copy_row_of(bytes);
  const std::int64_t chunk = static_cast<std::int64_t>(kPiece) / bytes;
  std::vector<char> buffer;
  std::vector<std::int64_t> index(rank, 0);
  std::int64_t row = 0;  // elements from base
  for (std::int64_t rows = numel / last; rows > 0; --rows) {
    for (std::int64_t at = 0; at < last; at += chunk) {  // a row may be longer than a piece
      const std::int64_t count = std::min(chunk, last - at);
      const std::size_t old = buffer.size();
      buffer.resize(old + static_cast<std::size_t>(count) * bytes);
      copy(base + (row + at * stride) * bytes, stride, count, buffer.data() + old);
      if (buffer.size() >= kPiece) take(buffer.data(), buffer.size()), buffer.clear();
    }
    for (std::size_t axis = rank - 1; axis-- > 0;) {
      row += t.strides[axis];
      if (++index[axis] < t.shape[axis]) break;
      row -= t.strides[axis] * t.shape[axis];
      index[axis] = 0;
    }
  }
  if (!buffer.empty()) take(buffer.data(), buffer.size());
}

}  // namespace fledge
