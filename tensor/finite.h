// The one net for numbers that are none: NaN and infinity in weights, buffers, moments, teachers' outputs, inputs and
// embeddings. Reads at the speed of memory.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "tensor/tensor.h"

namespace fledge {

/// What a tensor may hold: a variance is not negative either.
enum class Sound : unsigned char { Finite, FiniteNotNegative };

struct Unsound {
  Dims index;  // in logical order
  double value = 0;
};

/// The first number, in row-major order, that is NaN, infinite or, where that is asked, negative. nullopt: there is
/// none. Of any dtype, layout and device; what is undefined or holds whole numbers is finite.
std::optional<Unsound> first_unsound(const Tensor& t, Sound wanted = Sound::Finite);
/// The same question without an answer to where.
bool all_finite(const Tensor& t);

/// "nan at [3,0,1]"
std::string describe(const Unsound& u);
/// Error(kind): "WHAT is nan at [3,0,1]".
void require_sound(const Tensor& t, Sound wanted, const std::string& what, ErrorKind kind, const std::string& hint);

/// Place of the first of n words in which all bits of `exponent` are set, as they are in a NaN or infinity of that
/// format (float32: 0x7f800000); -1: none.
std::int64_t first_not_finite_word(const std::uint16_t* words, std::int64_t n, std::uint16_t exponent);
std::int64_t first_not_finite_word(const std::uint32_t* words, std::int64_t n, std::uint32_t exponent);
std::int64_t first_not_finite_word(const std::uint64_t* words, std::int64_t n, std::uint64_t exponent);

}  // namespace fledge
