// From stored pixels to a network's input: cut out, mirrored, normalised (kernels/api/picture.h). Channels-last output
// is written V elements of a picture's row at a time; any other strides element by element.
#include "kernels/cuda/device/pack.cuh"
#include "kernels/cuda/overlays.h"
#include "kernels/cuda/runtime.h"

namespace fledge::cuda {
namespace {

constexpr int kThreads = 256;

struct Pictures {
  const std::uint8_t* pixels;     // N,height,width,3
  const std::int32_t* placement;  // N,3
  int height, width, p, q;        // stored, written
  PictureParams normalization;
};

/// The cut-out's row `i` of one picture.
struct SourceRow {
  const std::uint8_t* pixels;  // null: outside
  int left, width, q;
  bool flip;

  __device__ SourceRow(const Pictures& s, std::int64_t picture, int i)
      : left(s.placement[3 * picture + 1]), width(s.width), q(s.q), flip(s.placement[3 * picture + 2] != 0) {
    const int row = s.placement[3 * picture] + i;
    const bool inside = row >= 0 && row < s.height;
    pixels = inside ? s.pixels + (picture * s.height + row) * s.width * 3 : nullptr;
  }
  __device__ float at(int j, int channel, const PictureParams& p) const {
    const int column = left + (flip ? q - 1 - j : j);
    const bool inside = pixels && column >= 0 && column < width;
    const float pixel = inside ? static_cast<float>(pixels[column * 3 + channel]) : 0.0f;
    const float scale = channel == 0 ? p.scale[0] : channel == 1 ? p.scale[1] : p.scale[2];
    const float shift = channel == 0 ? p.shift[0] : channel == 1 ? p.shift[1] : p.shift[2];
    return fmaf(pixel, scale, shift);
  }
};

/// One thread for V neighbouring elements; `packs` of them make a row.
template <class T, int V>
__global__ __launch_bounds__(kThreads) void augment_rows(Pictures s, T* __restrict__ y, std::int64_t total, int packs) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * kThreads;
  for (std::int64_t k = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; k < total; k += step) {
    const int line = static_cast<int>(k / packs), first = static_cast<int>(k % packs) * V;
    const SourceRow row(s, line / s.p, line % s.p);
    float v[V];
#pragma unroll
    for (int e = 0; e < V; ++e) v[e] = row.at((first + e) / 3, (first + e) % 3, s.normalization);
    store<V>(y + k * V, v);
  }
}

struct Strides {
  std::int64_t n, c, h, w;
};

template <class T>
__global__ __launch_bounds__(kThreads) void augment_strided(Pictures s, T* y, Strides strides, std::int64_t total) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * kThreads;
  for (std::int64_t k = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; k < total; k += step) {
    const int j = static_cast<int>(k % s.q), i = static_cast<int>(k / s.q % s.p);
    const int plane = static_cast<int>(k / s.q / s.p), channel = plane % 3, n = plane / 3;
    y[n * strides.n + channel * strides.c + i * strides.h + j * strides.w] =
        from_float<T>(SourceRow(s, n, i).at(j, channel, s.normalization));
  }
}

template <class T>
void augment(ExecContext&, const TensorView& pixels, const TensorView& placement, const TensorView& y,
             const PictureParams& p) {
  constexpr const char* op = "augment";
  const std::int64_t total = y.numel(), row = 3 * y.dims[3];
  if (total == 0) return;
  const Pictures s{pixels.as<std::uint8_t>(),
                   placement.as<std::int32_t>(),
                   static_cast<int>(pixels.dims[1]),
                   static_cast<int>(pixels.dims[2]),
                   static_cast<int>(y.dims[2]),
                   static_cast<int>(y.dims[3]),
                   p};
  if (!is_channels_last(y))
    return launch(op, augment_strided<T>, grid_for(total, kThreads), kThreads, s, y.as<T>(),
                  Strides{y.strides[0], y.strides[1], y.strides[2], y.strides[3]}, total);
  if (packable<4>(row, y.as<T>()))
    return launch(op, augment_rows<T, 4>, grid_for(total / 4, kThreads), kThreads, s, y.as<T>(), total / 4,
                  static_cast<int>(row / 4));
  launch(op, augment_rows<T, 1>, grid_for(total, kThreads), kThreads, s, y.as<T>(), total, static_cast<int>(row));
}

}  // namespace

void overlay_picture(KernelTable& f32, KernelTable& bf16_table) {
  f32.picture = {.augment = &augment<float>};
  bf16_table.picture = {.augment = &augment<bf16>};
}

}  // namespace fledge::cuda
