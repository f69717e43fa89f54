#include "tensor/ops/image.h"

#include "tensor/ops/call/check.h"
#include "tensor/ops/call/dispatch.h"
#include "tensor/ops/call/layout.h"

namespace fledge {

Tensor normalize_images(const Tensor& pixels, const NormalizeParams& params, DType dtype) {
  constexpr const char* op = "normalize_images";
  check::rank(op, {pixels, "pixels"}, 4);
  check::dtype(op, {pixels, "pixels"}, DType::UInt8);
  if (pixels.dim(3) != 3) check::fail(op, "images are N,H,W,3: pixels " + describe(pixels));
  Tensor y =
      Tensor::empty({pixels.dim(0), 3, pixels.dim(1), pixels.dim(2)}, dtype, Layout::ChannelsLast, pixels.device());
  const auto normalize = kernel<&KernelTable::image, &ImageKernels::normalize>(op, y);
  if (y.numel() > 0) normalize(context(), ContiguousArg(op, "pixels", pixels), y.view(), params);
  return y;
}

}  // namespace fledge
