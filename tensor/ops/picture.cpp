#include "tensor/ops/picture.h"

#include "tensor/creation.h"
#include "tensor/ops/check.h"
#include "tensor/ops/dispatch.h"
#include "tensor/ops/layout.h"

namespace fledge {

Tensor augment_pictures(const Tensor& pixels, const Tensor& placement, std::int64_t height, std::int64_t width,
                        const PictureParams& params, DType dtype) {
  constexpr const char* op = "augment_pictures";
  check::rank(op, {pixels, "pixels"}, 4);
  check::dtype(op, {pixels, "pixels"}, DType::UInt8);
  if (pixels.dim(3) != 3) check::fail(op, "pictures are N,H,W,3: pixels " + describe(pixels));
  const Tensor places =
      placement.defined() ? placement : zeros({pixels.dim(0), 3}, DType::Int32, Layout::Contiguous, pixels.device());
  check::dtype(op, {places, "placement"}, DType::Int32);
  check::same_device(op, {pixels, "pixels"}, {places, "placement"});
  if (!(places.dims() == Dims{pixels.dim(0), 3}))
    check::fail_dims(op, {places, "placement"}, {pixels.dim(0), 3}, "top, left, flip of each");
  Tensor y = Tensor::empty({pixels.dim(0), 3, height, width}, dtype, Layout::ChannelsLast, pixels.device());
  const auto augment = kernel<&KernelTable::picture, &PictureKernels::augment>(op, y);
  if (y.numel() > 0)
    augment(context(), ContiguousArg(op, "pixels", pixels), ContiguousArg(op, "placement", places), y.view(), params);
  return y;
}

}  // namespace fledge
