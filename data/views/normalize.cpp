#include "data/views/normalize.h"

#include "kernels/api/backend.h"

namespace fledge {

void normalize_to(const Image& image, const Normalization& n, float* out) {
  static thread_local ExecContext one(1);  // whoever calls is one of many workers
  TensorView pixels;
  pixels.data = const_cast<std::uint8_t*>(image.rgb.data());
  pixels.dims = {1, image.height, image.width, 3};
  pixels.strides = {std::int64_t{3} * image.height * image.width, std::int64_t{3} * image.width, 3, 1};
  pixels.dtype = DType::UInt8;
  backend_for({}).f32.image.normalize(one, pixels, normalized_view(pixels, out, DType::Float32), n.params());
}

}  // namespace fledge
