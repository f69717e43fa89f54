#include "tensor/finite.h"

#include <cmath>
#include <cstdio>

namespace fledge {
namespace {

template <class Word>
std::int64_t first_word(const Word* words, std::int64_t n, Word exponent) {
  constexpr std::int64_t kBlock = 1024;  // a loop of known length, which the compiler turns into vectors
  std::int64_t at = 0;
  for (; at + kBlock <= n; at += kBlock) {
    Word hit = 0;
    for (std::int64_t i = 0; i < kBlock; ++i) hit |= static_cast<Word>((words[at + i] & exponent) == exponent);
    if (hit) break;
  }
  for (; at < n; ++at)
    if ((words[at] & exponent) == exponent) return at;
  return -1;
}

/// Of memory without gaps; -1: none, or a dtype that holds whole numbers.
std::int64_t first_not_finite_element(const Tensor& t) {
  switch (t.dtype()) {
    case DType::Float32:
      return first_not_finite_word(static_cast<const std::uint32_t*>(t.raw()), t.numel(), 0x7f800000u);
    case DType::Float64:
      return first_not_finite_word(static_cast<const std::uint64_t*>(t.raw()), t.numel(), 0x7ff0000000000000ull);
    case DType::BFloat16:
      return first_not_finite_word(static_cast<const std::uint16_t*>(t.raw()), t.numel(), std::uint16_t{0x7f80});
    default:
      return -1;
  }
}

template <class T>
std::int64_t first_negative(const Tensor& t) {
  const T* v = t.data<T>();
  for (std::int64_t i = 0; i < t.numel(); ++i)
    if (v[i] < 0) return i;
  return -1;
}

std::int64_t first_negative_element(const Tensor& t) {
  return t.dtype() == DType::Float32   ? first_negative<float>(t)
         : t.dtype() == DType::Float64 ? first_negative<double>(t)
                                       : -1;
}

Dims index_of(const Dims& dims, std::int64_t number) {
  Dims index = dims;
  for (int axis = dims.rank() - 1; axis >= 0; --axis) {
    index[axis] = number % dims[axis];
    number /= dims[axis];
  }
  return index;
}

}  // namespace

std::int64_t first_not_finite_word(const std::uint16_t* words, std::int64_t n, std::uint16_t exponent) {
  return first_word(words, n, exponent);
}
std::int64_t first_not_finite_word(const std::uint32_t* words, std::int64_t n, std::uint32_t exponent) {
  return first_word(words, n, exponent);
}
std::int64_t first_not_finite_word(const std::uint64_t* words, std::int64_t n, std::uint64_t exponent) {
  return first_word(words, n, exponent);
}

bool all_finite(const Tensor& t) {
  if (!t.defined() || !is_floating(t.dtype())) return true;
  const Tensor here = t.to(Device{});
  return first_not_finite_element(here.is_dense() ? here : here.contiguous()) < 0;
}

std::optional<Unsound> first_unsound(const Tensor& t, Sound wanted) {
  if (!t.defined() || !is_floating(t.dtype())) return std::nullopt;
  const bool signs = wanted == Sound::FiniteNotNegative;
  if (!signs && all_finite(t)) return std::nullopt;
  const Tensor row_major = t.to(Device{}).contiguous();
  std::int64_t at = first_not_finite_element(row_major);
  if (signs) {
    const std::int64_t negative = first_negative_element(row_major);
    if (at < 0 || (negative >= 0 && negative < at)) at = negative;
  }
  if (at < 0) return std::nullopt;
  const Tensor number = row_major.reshape({row_major.numel()}).slice(0, at, 1).to(DType::Float64);
  return Unsound{index_of(t.dims(), at), number.item()};
}

std::string describe(const Unsound& u) {
  std::string index;
  for (int i = 0; i < u.index.rank(); ++i) index += (i ? "," : "") + std::to_string(u.index[i]);
  char value[32];
  std::snprintf(value, sizeof value, "%g", u.value);
  return std::string(std::isnan(u.value) ? "nan" : value) + " at [" + index + "]";
}

void require_sound(const Tensor& t, Sound wanted, const std::string& what, ErrorKind kind, const std::string& hint) {
  if (const auto bad = first_unsound(t, wanted)) throw Error(kind, "", what + " is " + describe(*bad), hint);
}

}  // namespace fledge
