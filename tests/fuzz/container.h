// What the targets of the four containers have in common.
#pragma once
#include <cstddef>
#include <cstdint>

#include "io/weights/sniff.h"

namespace fledge::fuzz {

/// Opens the bytes as a weight file and reads every tensor. Bytes of another container are left
/// alone. What is wrong may only come as Error(BadInput) that names the file; a wrong count of
/// bytes, another exception or another kind aborts.
void read_weights(const std::uint8_t* data, std::size_t size, WeightFormat container);

}  // namespace fledge::fuzz

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);
