// The Loss of a function of embedding and labels. Private to nn/losses/.
#pragma once
#include <functional>
#include <string>
#include <utility>

#include "nn/losses/loss.h"

namespace fledge {

class LabelLoss : public Loss {
 public:
  using Function = std::function<LossOutput(const Variable& embedding, const Tensor& labels)>;
  LabelLoss(std::string name, bool on_device, Function f)
      : name_(std::move(name)), on_device_(on_device), f_(std::move(f)) {}
  const char* name() const override { return name_.c_str(); }
  LossNeeds needs() const override { return {.labels = true}; }
  bool runs_on_device() const override { return on_device_; }
  LossOutput forward(const LossInput& input) const override { return f_(input.student.embedding, input.labels); }

 private:
  std::string name_;
  bool on_device_;
  Function f_;
};

}  // namespace fledge
