// Storage: a reference-counted buffer on a device, with a version counter and the backend's slot for packed weights.
#pragma once
#include <atomic>
#include <cstddef>
#include <memory>

#include "kernels/api/backend.h"

namespace fledge {

class Storage {
 public:
  /// Allocates `bytes` (uninitialised) on `device`. Throws Error(Resource) naming the size.
  Storage(std::size_t bytes, Device device);
  /// Host memory (device CPU) that is page-locked for `pinned_for`'s copies; plain memory where that device has none.
  static std::shared_ptr<Storage> pinned(std::size_t bytes, Device pinned_for);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  Device device() const { return device_; }
  std::uint64_t version() const { return version_.load(std::memory_order_relaxed); }
  /// Threads may write different parts of a storage at the same time (lanes.h).
  void bump_version() { version_.fetch_add(1, std::memory_order_relaxed); }
  SlotHolder* holder() { return &holder_; }

 private:
  Storage() = default;

  const Backend* backend_ = nullptr;
  const DeviceRuntime* pinned_by_ = nullptr;  // null: memory from the backend
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
  Device device_;
  std::atomic<std::uint64_t> version_{0};
  SlotHolder holder_;
};

}  // namespace fledge
