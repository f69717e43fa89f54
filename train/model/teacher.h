// The frozen network that teaches.
#pragma once
#include <optional>
#include <string>

#include "data/views/transforms.h"
#include "kernels/api/exec_context.h"
#include "nn/models/model.h"
#include "train/model/model_file.h"

namespace fledge {

class Teacher {
 public:
  Teacher(const std::string& path, const ExternalOptions& external, const Normalization& student);
  /// Where it computes from now on. On the CPU its first forward() gives the plain weights of convolutions up.
  void move_to(Device device, DType activations);
  /// How it multiplies from now on; nothing: as the process does.
  void multiply_as(std::optional<Precision> products) { products_ = products; }
  /// images: normalised for the student. No graph is recorded.
  ModelOutput forward(const Tensor& images, bool stages) const;
  const LoadedModel& loaded() const { return loaded_; }

 private:
  LoadedModel loaded_;
  std::optional<Precision> products_;
  Tensor scale_, shift_;  // 1,3,1,1: from the student's normalisation to the teacher's; undefined when they are equal
};

}  // namespace fledge
