// Reference of the image kernels (formulas: kernels/api/image.h).
#include <cstdint>

#include "kernels/ref/strided.h"
#include "kernels/ref/table.h"

namespace fledge::ref {
namespace {

template <class T>
void normalize(ExecContext&, const TensorView& pixels, const TensorView& y, const NormalizeParams& p) {
  const std::uint8_t* pixel = pixels.as<std::uint8_t>();
  for (std::int64_t n = 0; n < y.dims[0]; ++n)
    for (std::int64_t h = 0; h < y.dims[2]; ++h)
      for (std::int64_t w = 0; w < y.dims[3]; ++w)
        for (std::int64_t c = 0; c < 3; ++c)
          at<T>(y, n, c, h, w) =
              (static_cast<T>(*pixel++) / 255 - static_cast<T>(p.mean[c])) / static_cast<T>(p.std[c]);
}

}  // namespace

template <class T>
ImageKernels image_kernels() {
  return {.normalize = &normalize<T>};
}

template ImageKernels image_kernels<float>();
template ImageKernels image_kernels<double>();

}  // namespace fledge::ref
