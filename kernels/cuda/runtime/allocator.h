// The caching allocator: memory taken from the driver is kept, cut into blocks and handed out again. A block
// belongs to the stream it was asked for in; freed, it goes back to that stream's pool, so that what was
// enqueued before keeps its order with what comes after, and nobody waits. FLEDGE_CUDA_ALLOCATOR=direct asks the
// driver each time: slow, for memory checkers.
#pragma once
#include <cstdint>

#include "kernels/api/device_runtime.h"

namespace fledge::cuda {

/// 0: the memory everybody shares. Others belong to one recorded graph each.
using PoolId = std::uint64_t;

/// Allocations of the calling thread come from a new pool until end_private_pool.
PoolId begin_private_pool();
void end_private_pool();
/// Gives the pool's memory to the shared one; blocks still in use follow when they are freed.
void release_private_pool(PoolId pool);

DeviceMemory memory();
void reset_peak_memory();
/// Returns memory without a block in use to the driver. Waits for the device.
void release_cached_memory();

}  // namespace fledge::cuda
