#include "train/model/teacher.h"

#include "autograd/grad_mode.h"
#include "tensor/context.h"
#include "tensor/creation.h"
#include "tensor/ops/eltwise.h"

namespace fledge {

Teacher::Teacher(const std::string& path, const ExternalOptions& external, const Normalization& student)
    : loaded_(load_model(path, external)) {
  const Normalization own = Normalization::named(loaded_.preprocessing.normalize);
  std::vector<float> scale(3), shift(3);
  bool same = true;
  for (int c = 0; c < 3; ++c) {
    scale[c] = student.std[c] / own.std[c];
    shift[c] = (student.mean[c] - own.mean[c]) / own.std[c];
    same &= student.mean[c] == own.mean[c] && student.std[c] == own.std[c];
  }
  if (same) return;
  scale_ = from_vector(scale, {1, 3, 1, 1});
  shift_ = from_vector(shift, {1, 3, 1, 1});
}

void Teacher::move_to(Device device, DType activations) {
  loaded_.model->to(device);
  loaded_.model->keep_folded_weights_alone();
  if (scale_.defined()) {
    scale_ = scale_.to(device).to(activations);
    shift_ = shift_.to(device).to(activations);
  }
}

ModelOutput Teacher::forward(const Tensor& images, bool stages) const {
  const NoGradGuard no_grad;
  const PrecisionScope precision(products_.value_or(context().precision));
  const Tensor x = scale_.defined() ? add(mul(images, scale_), shift_) : images;
  return loaded_.model->forward(Variable(x), {.feature_maps = stages});
}

}  // namespace fledge
