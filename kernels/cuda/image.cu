// From stored pixels to a network's input (kernels/api/image.h). Channels-last output lies as the pixels do and is
// written V elements at a time; any other strides element by element.
#include "kernels/cuda/device/pack.cuh"
#include "kernels/cuda/overlays.h"
#include "kernels/cuda/runtime/runtime.h"

namespace fledge::cuda {
namespace {

constexpr int kThreads = 256;

/// (pixel/255 - mean)/std as one multiplication and one addition.
struct Affine {
  float scale[3], shift[3];

  explicit Affine(const NormalizeParams& p) {
    for (int c = 0; c < 3; ++c) {
      scale[c] = static_cast<float>(1 / (255.0 * p.std[c]));
      shift[c] = static_cast<float>(-static_cast<double>(p.mean[c]) / p.std[c]);
    }
  }
};

__device__ float normalized(std::uint8_t pixel, int channel, const Affine& p) {
  const float scale = channel == 0 ? p.scale[0] : channel == 1 ? p.scale[1] : p.scale[2];
  const float shift = channel == 0 ? p.shift[0] : channel == 1 ? p.shift[1] : p.shift[2];
  return fmaf(static_cast<float>(pixel), scale, shift);
}

/// One thread for V neighbouring elements.
template <class T, int V>
__global__ __launch_bounds__(kThreads) void normalize_packs(const std::uint8_t* __restrict__ pixels, Affine p,
                                                            T* __restrict__ y, std::int64_t packs) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * kThreads;
  for (std::int64_t k = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; k < packs; k += step) {
    const int first = static_cast<int>(k * V % 3);
    float v[V];
#pragma unroll
    for (int e = 0; e < V; ++e) v[e] = normalized(pixels[k * V + e], (first + e) % 3, p);
    store<V>(y + k * V, v);
  }
}

struct Strides {
  std::int64_t n, c, h, w;
};

template <class T>
__global__ __launch_bounds__(kThreads) void normalize_strided(const std::uint8_t* pixels, Affine p, T* y, Strides to,
                                                              int height, int width, std::int64_t total) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * kThreads;
  for (std::int64_t k = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; k < total; k += step) {
    const int c = static_cast<int>(k % 3);
    const std::int64_t pixel = k / 3, n = pixel / width / height;
    const int w = static_cast<int>(pixel % width), h = static_cast<int>(pixel / width % height);
    y[n * to.n + c * to.c + h * to.h + w * to.w] = from_float<T>(normalized(pixels[k], c, p));
  }
}

template <class T>
void normalize_pixels(ExecContext&, const TensorView& pixels, const TensorView& y, const NormalizeParams& params) {
  constexpr const char* op = "normalize";
  const Affine p(params);
  const std::uint8_t* from = pixels.as<std::uint8_t>();
  const std::int64_t total = y.numel();
  if (total == 0) return;
  if (!is_channels_last(y))
    return launch(op, normalize_strided<T>, grid_for(total, kThreads), kThreads, from, p, y.as<T>(),
                  Strides{y.strides[0], y.strides[1], y.strides[2], y.strides[3]}, static_cast<int>(y.dims[2]),
                  static_cast<int>(y.dims[3]), total);
  if (packable<4>(total, y.as<T>()))
    return launch(op, normalize_packs<T, 4>, grid_for(total / 4, kThreads), kThreads, from, p, y.as<T>(), total / 4);
  launch(op, normalize_packs<T, 1>, grid_for(total, kThreads), kThreads, from, p, y.as<T>(), total);
}

}  // namespace

void overlay_image(KernelTable& f32, KernelTable& bf16_table) {
  f32.image = {.normalize = &normalize_pixels<float>};
  bf16_table.image = {.normalize = &normalize_pixels<bf16>};
}

}  // namespace fledge::cuda
