#include "tensor/ops/image.h"

#include "tensor/ops/call/check.h"
#include "tensor/ops/call/dispatch.h"
#include "tensor/ops/call/layout.h"

namespace fledge {

void check_pictures(const char* op, const StoredPictures& pictures) {
  check::rank(op, {pictures.pixels, "pixels"}, 4);
  check::dtype(op, {pictures.pixels, "pixels"}, DType::UInt8);
  if (pictures.pixels.dim(3) != 3) check::fail(op, "images are N,H,W,3: pixels " + describe(pictures.pixels));
}

Tensor normalize_images(const Tensor& pixels, const NormalizeParams& params, DType dtype) {
  constexpr const char* op = "normalize_images";
  const StoredPictures pictures{pixels, params};
  check_pictures(op, pictures);
  Tensor y = Tensor::empty(pictures.normalized_dims(), dtype, Layout::ChannelsLast, pixels.device());
  const auto normalize = kernel<&KernelTable::image, &ImageKernels::normalize>(op, y);
  if (y.numel() > 0) normalize(context(), ContiguousArg(op, "pixels", pixels), y.view(), params);
  return y;
}

}  // namespace fledge
