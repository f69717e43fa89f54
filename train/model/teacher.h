// The frozen network that teaches.
#pragma once
#include <memory>
#include <string>

#include "data/transforms.h"
#include "nn/fuse.h"
#include "nn/models/model.h"
#include "train/model/model_file.h"

namespace fledge {

/// The frozen teacher: fused when only its embedding is wanted, the plain model when a loss wants its stage maps.
class Teacher {
 public:
  Teacher(const std::string& path, const ForeignOptions& foreign, const Normalization& student);
  /// To be called once before forward(): are stage maps wanted?
  void prepare(bool stages);
  /// Where it computes from now on; before prepare().
  void move_to(Device device, DType activations);
  /// images: normalised for the student. No graph is recorded.
  Features forward(const Tensor& images) const;
  const LoadedModel& loaded() const { return loaded_; }

 private:
  LoadedModel loaded_;
  std::unique_ptr<FusedModel> fused_;
  bool stages_ = true;
  Device device_;
  DType activations_ = DType::Float32;
  Tensor scale_, shift_;  // 1,3,1,1: from the student's normalisation to the teacher's; undefined when they are equal
};

}  // namespace fledge
