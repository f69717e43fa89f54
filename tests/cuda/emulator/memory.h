// Device memory: one range of addresses that only emulated work may touch, and page-locked host memory.
#pragma once
#include <cstddef>
#include <string>

namespace emulator {

/// Null when the device (FLEDGE_EMULATOR_MEMORY bytes, 2 GiB) has not that much left. Starts as 0xFF bytes; the last
/// 16-byte unit ends where a page begins that faults.
void* device_allocate(std::size_t bytes);
/// False: not the beginning of an allocation.
bool device_free(void*);
std::size_t device_bytes();
std::size_t device_bytes_used();

/// Anywhere among the addresses of the device?
bool is_device_address(const void*);
/// Inside one allocation from `p` on?
bool is_device_range(const void* p, std::size_t bytes);
/// "16 bytes behind an allocation of 1024 bytes"
std::string describe_device_address(const void*);

void* pinned_allocate(std::size_t bytes);
bool pinned_free(void*);
bool is_pinned_range(const void* p, std::size_t bytes);

/// While one lives, all allocations can be read and written. They nest.
class DeviceAccess {
 public:
  DeviceAccess();
  ~DeviceAccess();
  DeviceAccess(const DeviceAccess&) = delete;
  DeviceAccess& operator=(const DeviceAccess&) = delete;
};
/// The same for the one allocation an address lies in, if any: what a copy needs, at the price of that.
class AllocationAccess {
 public:
  explicit AllocationAccess(const void* p);
  ~AllocationAccess();
  AllocationAccess(const AllocationAccess&) = delete;
  AllocationAccess& operator=(const AllocationAccess&) = delete;

 private:
  void* first_page_ = nullptr;
  std::size_t bytes_ = 0;
};

/// Explains faults at device addresses and on the stacks of fibers before the process ends; others go to whoever was
/// there before. Called again and again: test frameworks take the signals for themselves.
void watch_faults();

}  // namespace emulator
