// The functions behind DeviceRuntime (kernels/api/device_runtime.h), as module.cpp lists them.
#pragma once
#include "kernels/api/device_runtime.h"

namespace fledge::cuda {

// runtime.cpp
void use_device(int index);
/// Of all processes. Makes a context on the device, so once one is in use only of that: 0 for others.
std::size_t free_memory(int index);
DeviceStream create_stream();
void destroy_stream(DeviceStream);
DeviceStream current_stream();
void use_stream(DeviceStream);
DeviceEvent create_event();
void destroy_event(DeviceEvent);
void record_event(DeviceEvent);
void wait_event(DeviceEvent);
void synchronize_event(DeviceEvent);
double milliseconds(DeviceEvent begin, DeviceEvent end);
void synchronize();
void copy_async(void* to, const void* from, std::size_t bytes);
void copy_bytes(void* to, const void* from, std::size_t bytes);
void* allocate_pinned(std::size_t bytes);
void deallocate_pinned(void* p, std::size_t bytes);

// graphs.cpp
bool capturing();  // does the calling thread record?
void begin_capture();
DeviceGraph end_capture();
void abort_capture();
void launch_graph(DeviceGraph);
void destroy_graph(DeviceGraph);

// devices.cpp
int device_count();
/// Throws Error(Resource) for a number that no GPU has.
void check_device(int index);
DeviceProperties properties(int index);
void require(int index, DType activations);

}  // namespace fledge::cuda
