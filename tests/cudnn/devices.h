// Descriptions of GPUs in cuDNN's own JSON form. With one of them cuDNN answers, on a machine without a GPU, what it
// would do on that device: which engines it proposes, and whether their plans can be built.
#pragma once
#include <string>

namespace fledge::test {

struct GpuDescription {
  const char* name;
  int compute_capability;  // 90 for 9.0
  int multiprocessors, clock_khz, memory_clock_khz, l2_bytes;
  int shared_bytes_per_block, blocks_per_multiprocessor, threads_per_multiprocessor;
  long long memory_bytes;

  std::string json() const {
    const auto field = [](const char* key, const std::string& value) {
      return ",\"" + std::string(key) + "\":" + value;
    };
    const auto number = [&](const char* key, long long value) { return field(key, std::to_string(value)); };
    return "{\"deviceName\":\"" + std::string(name) + "\"" + number("deviceVer", compute_capability * 10) +
           number("driverVer", 13000) + number("cudaDeviceId", 0) + number("pciDeviceId", 0) +
           number("multiProcessorCount", multiprocessors) + number("smClockRateKHz", clock_khz) +
           number("memClockRateKHz", memory_clock_khz) + number("l2CacheSize", l2_bytes) +
           number("maxSharedMemoryPerBlock", 49152) + number("maxSharedMemoryPerBlockOptin", shared_bytes_per_block) +
           number("reservedSharedMemoryPerBlock", compute_capability >= 80 ? 1024 : 0) +
           number("maxCtasPerSM", blocks_per_multiprocessor) + number("maxThreadsPerSM", threads_per_multiprocessor) +
           number("maxThreadsPerBlock", 1024) + number("maxRegistersPerSM", 65536) + number("regsPerBlock", 65536) +
           number("warpSize", 32) + number("isTccDriver", 0) + number("supportCoopLaunch", 1) +
           number("totalGlobalMem", memory_bytes) + field("maxGridSize", "[2147483647,65535,65535]") +
           field("maxBlockSize", "[1024,1024,64]") + "}";
  }
};

inline constexpr GpuDescription kT4 = {"Tesla T4", 75, 40, 1590000, 5001000, 4194304, 65536, 16, 1024, 15828320256};
inline constexpr GpuDescription kA100 = {
    "NVIDIA A100-SXM4-40GB", 80, 108, 1410000, 1215000, 41943040, 166912, 32, 2048, 42000000000};
inline constexpr GpuDescription kRtx3090 = {
    "NVIDIA GeForce RTX 3090", 86, 84, 1695000, 9751000, 6291456, 101376, 16, 1536, 25434587136};
inline constexpr GpuDescription kRtx4090 = {
    "NVIDIA GeForce RTX 4090", 89, 128, 2520000, 10501000, 75497472, 101376, 24, 1536, 25383862272};
inline constexpr GpuDescription kH100 = {
    "NVIDIA H100 80GB HBM3", 90, 132, 1980000, 2619000, 52428800, 232448, 32, 2048, 85000000000};
inline constexpr GpuDescription kB200 = {"NVIDIA B200", 100,    148, 1965000, 3996000,
                                         132644864,     232448, 32,  2048,    191000000000};

}  // namespace fledge::test
