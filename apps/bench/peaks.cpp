// The machine's peaks, measured with fledge's own kernels where a vendor's library is behind them.
#include <algorithm>
#include <chrono>
#include <functional>

#include "apps/bench/measure.h"
#include "kernels/api/backend.h"
#include "kernels/api/bf16.h"
#include "kernels/profile/machine.h"
#include "tensor/context.h"
#include "tensor/creation.h"
#include "tensor/ops/conv.h"
#include "tensor/ops/gemm.h"
#include "tensor/stream.h"

namespace fledge::bench {
namespace {

/// The shortest of some runs, in seconds.
double best_seconds(Device device, const std::function<void()>& work) {
  constexpr int kRuns = 10;
  double best = 0;
  for (int i = -2; i < kRuns; ++i) {
    Event begin(device), end(device);
    const auto start = std::chrono::steady_clock::now();
    begin.record();
    work();
    end.record();
    end.synchronize();
    const double ms = device.type == Device::Type::CPU
                          ? std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count()
                          : end.since(begin);
    if (i == 0 || (i > 0 && ms < best)) best = ms;  // the first two warm up
  }
  return 1e-3 * best;
}

double per_second(double amount, double seconds) { return seconds > 0 ? amount / seconds : 0; }

double matmul_flops(Device device, std::int64_t n) {
  const Tensor a = ones({n, n}, DType::Float32, Layout::Contiguous, device);
  const Tensor b = ones({n, n}, DType::Float32, Layout::Contiguous, device);
  const double size = static_cast<double>(n);
  return per_second(2 * size * size * size, best_seconds(device, [&] { matmul(a, b); }));
}

/// A convolution of one tap, as there is no matrix product in bfloat16: pixels x channels times channels x filters.
double conv_flops(Device device, std::int64_t batch, std::int64_t side, std::int64_t channels) {
  const Tensor x = ones({batch, channels, side, side}, DType::BFloat16, Layout::ChannelsLast, device);
  const Tensor w = ones({channels, channels, 1, 1}, DType::BFloat16, Layout::ChannelsLast, device);
  const double flops = 2.0 * static_cast<double>(x.numel()) * static_cast<double>(channels);
  return per_second(flops, best_seconds(device, [&] { conv2d(x, w, Tensor(), Conv2dParams()); }));
}

double copy_bytes(Device device, std::int64_t bytes) {
  const Tensor from = zeros({bytes / 4}, DType::Float32, Layout::Contiguous, device);
  const Tensor to = zeros_like(from);
  return per_second(2.0 * static_cast<double>(bytes), best_seconds(device, [&] { to.copy_from(from); }));
}

}  // namespace

Peaks measure_peaks(const Compute& compute) {
  Peaks peaks;
  constexpr std::int64_t kMiB = 1 << 20;
  if (!compute.on_device()) {
    peaks.flops = fma_peak() * num_threads();
    peaks.bytes = copy_bytes(compute.device, 256 * kMiB);
    if (compute.activations == DType::BFloat16 && cpu_multiplies_bf16())
      peaks.bf16_flops = conv_flops(compute.device, 4, 32, 1024);
    return peaks;
  }
  const DeviceRuntime& runtime = *backend_for(compute.device).runtime;
  const bool emulated = runtime.properties(0).emulated;
  peaks.flops = matmul_flops(compute.device, emulated ? 32 : 8192);
  if (compute.activations == DType::BFloat16)
    peaks.bf16_flops = emulated ? conv_flops(compute.device, 1, 4, 16) : conv_flops(compute.device, 16, 64, 2048);
  peaks.bytes = copy_bytes(compute.device, emulated ? kMiB / 16 : 1024 * kMiB);
  runtime.release_cached_memory();
  return peaks;
}

}  // namespace fledge::bench
