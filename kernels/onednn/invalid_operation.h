// NaN among a primitive's numbers, told by the processor: max(NaN, 0), by which oneDNN's activations make 0 of NaN,
// raises the "invalid operation" flag of IEEE 754, and so does every operation that makes a NaN of other numbers.
// Finite numbers never raise it. The flag is the thread's own and stays up until it is taken down, so asking costs a
// microsecond, whatever the size of the tensors.
#pragma once

namespace fledge::onednn {

/// Has one of the `threads` threads that compute met an invalid operation since
/// the last call? The flags are down afterwards.
bool take_invalid_operation(int threads);

}  // namespace fledge::onednn
