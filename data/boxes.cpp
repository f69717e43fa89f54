#include "data/boxes.h"

#include <algorithm>

#include "kernels/api/error.h"

namespace fledge {

std::optional<PixelBox> box_inside(const Dataset& dataset, std::int64_t i, const Image& image) {
  const std::optional<PixelBox> box = dataset.box(i);
  if (!box) return std::nullopt;
  const std::int64_t right = std::min<std::int64_t>(image.width, std::int64_t{box->left} + box->width);
  const std::int64_t bottom = std::min<std::int64_t>(image.height, std::int64_t{box->top} + box->height);
  const int left = std::max(0, box->left), top = std::max(0, box->top);
  if (left >= right || top >= bottom)
    throw Error(ErrorKind::BadInput, "",
                "cannot use picture '" + dataset.name(i) + "': its bounding box " + std::to_string(box->width) + "x" +
                    std::to_string(box->height) + " at (" + std::to_string(box->left) + ", " +
                    std::to_string(box->top) + ") lies outside the picture of " + std::to_string(image.width) + "x" +
                    std::to_string(image.height),
                "correct the data set's list of boxes");
  return PixelBox{left, top, static_cast<int>(right) - left, static_cast<int>(bottom) - top};
}

}  // namespace fledge
