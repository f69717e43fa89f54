// What a device with its own memory can do besides computing: streams, events, copies that overlap, page-locked host
// memory, recorded work. Plain function pointers, filled by the module that brings the device; above, tensor/stream.h
// gives them owners. "Current stream" is a property of the calling thread.
#pragma once
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "kernels/api/dtype.h"

namespace fledge {

struct DeviceProperties {
  std::string name;          // as the maker calls it
  int major = 0, minor = 0;  // compute capability
  int multiprocessors = 0;
  std::size_t memory_bytes = 0;                                // in all
  std::size_t free_bytes = 0;                                  // now, of all processes
  std::string driver;                                          // version, "13.0"
  std::vector<std::pair<std::string, std::string>> libraries;  // name and version of those in use
  bool emulated = false;  // kernels run on the host (tests/cuda): for checking, never for speed
};

/// How the problem of the Error(Resource) of a failed allocation begins: who knows what to make smaller adds it.
inline constexpr const char* kOutOfGpuMemory = "out of GPU memory";

/// Bytes of the caching allocator of one device.
struct DeviceMemory {
  std::size_t in_use = 0, peak_in_use = 0;  // held by tensors and scratch
  std::size_t reserved = 0;                 // taken from the driver, in use or cached
};

/// Handles are opaque; a null stream is the compute stream every thread begins with.
using DeviceStream = void*;
using DeviceEvent = void*;
using DeviceGraph = void*;

struct DeviceRuntime {
  int (*device_count)() = nullptr;
  DeviceProperties (*properties)(int index) = nullptr;
  /// Throws Error(Resource) where the device cannot train and run networks with activations of this dtype.
  void (*require)(int index, DType activations) = nullptr;
  /// The device all work of this process goes to; before the first allocation.
  void (*use_device)(int index) = nullptr;

  /// Page-locked host memory: copies from and to it run beside kernels.
  void* (*allocate_pinned)(std::size_t bytes) = nullptr;
  void (*deallocate_pinned)(void* p, std::size_t bytes) = nullptr;

  DeviceStream (*create_stream)() = nullptr;
  void (*destroy_stream)(DeviceStream) = nullptr;
  DeviceStream (*current_stream)() = nullptr;
  void (*use_stream)(DeviceStream) = nullptr;
  DeviceEvent (*create_event)() = nullptr;  // with time stamps
  void (*destroy_event)(DeviceEvent) = nullptr;
  void (*record_event)(DeviceEvent) = nullptr;       // in the current stream
  void (*wait_event)(DeviceEvent) = nullptr;         // the current stream waits, the host does not
  void (*synchronize_event)(DeviceEvent) = nullptr;  // the host waits
  double (*milliseconds)(DeviceEvent begin, DeviceEvent end) = nullptr;
  /// In the current stream; host memory must be page-locked and stay untouched until the stream has come by.
  void (*copy_async)(void* to, const void* from, std::size_t bytes) = nullptr;

  /// Work launched by this thread between begin and end is recorded, not run. What it allocates comes from memory that
  /// belongs to the recording until destroy_graph: launch_graph runs on the same addresses each time.
  void (*begin_capture)() = nullptr;
  DeviceGraph (*end_capture)() = nullptr;
  void (*abort_capture)() = nullptr;  // after an exception inside
  void (*launch_graph)(DeviceGraph) = nullptr;
  void (*destroy_graph)(DeviceGraph) = nullptr;

  DeviceMemory (*memory)() = nullptr;
  void (*reset_peak_memory)() = nullptr;
  void (*release_cached_memory)() = nullptr;
};

}  // namespace fledge
