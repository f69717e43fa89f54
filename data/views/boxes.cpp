#include "data/views/boxes.h"

#include <algorithm>

#include "base/error.h"
#include "data/datasets/annotated.h"

namespace fledge {

std::optional<PixelBox> box_inside(const Dataset& dataset, std::int64_t i, int width, int height) {
  const std::optional<PixelBox> box = dataset.box(i);
  if (!box) return std::nullopt;
  const std::int64_t right = std::min<std::int64_t>(width, std::int64_t{box->left} + box->width);
  const std::int64_t bottom = std::min<std::int64_t>(height, std::int64_t{box->top} + box->height);
  const int left = std::max(0, box->left), top = std::max(0, box->top);
  if (left >= right || top >= bottom)
    throw Error(ErrorKind::BadInput, "",
                "cannot use picture '" + dataset.name(i) + "': its bounding box " + std::to_string(box->width) + "x" +
                    std::to_string(box->height) + " at (" + std::to_string(box->left) + ", " +
                    std::to_string(box->top) + ") lies outside the picture of " + std::to_string(width) + "x" +
                    std::to_string(height),
                "correct the data set's list of boxes");
  return PixelBox{left, top, static_cast<int>(right) - left, static_cast<int>(bottom) - top};
}

std::string missing_boxes(const Dataset& dataset) {
  std::int64_t missing = 0, first = -1;
  for (std::int64_t i = 0; i < dataset.size(); ++i)
    if (!dataset.box(i)) missing += 1, first = first < 0 ? i : first;
  if (missing == 0) return "";
  const std::string all = with_thousands(dataset.size());
  return (missing == dataset.size() ? "none of the " + all + " pictures has a bounding box"
                                    : with_thousands(missing) + " of the " + all + " pictures have no bounding box ('" +
                                          dataset.name(first) + "', ...)") +
         ": they are taken whole";
}

}  // namespace fledge
