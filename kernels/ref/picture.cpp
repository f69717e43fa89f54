// Reference of the picture kernels (formulas: kernels/api/picture.h).
#include <cstdint>

#include "kernels/ref/strided.h"
#include "kernels/ref/table.h"

namespace fledge::ref {
namespace {

template <class T>
void augment(ExecContext&, const TensorView& pixels, const TensorView& placement, const TensorView& y,
             const PictureParams& p) {
  const std::int64_t height = pixels.dims[1], width = pixels.dims[2];
  for (std::int64_t n = 0; n < y.dims[0]; ++n) {
    const std::int32_t* place = placement.as<std::int32_t>() + 3 * n;
    for (std::int64_t c = 0; c < 3; ++c)
      for (std::int64_t i = 0; i < y.dims[2]; ++i)
        for (std::int64_t j = 0; j < y.dims[3]; ++j) {
          const std::int64_t row = place[0] + i, column = place[1] + (place[2] ? y.dims[3] - 1 - j : j);
          const bool inside = row >= 0 && row < height && column >= 0 && column < width;
          const int pixel = inside ? pixels.as<std::uint8_t>()[((n * height + row) * width + column) * 3 + c] : 0;
          y.as<T>()[n * y.strides[0] + c * y.strides[1] + i * y.strides[2] + j * y.strides[3]] =
              static_cast<T>(static_cast<T>(pixel) * p.scale[c] + p.shift[c]);
        }
  }
}

}  // namespace

template <class T>
PictureKernels picture_kernels() {
  return {.augment = &augment<T>};
}

template PictureKernels picture_kernels<float>();
template PictureKernels picture_kernels<double>();

}  // namespace fledge::ref
