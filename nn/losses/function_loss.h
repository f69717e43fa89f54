// The Loss of a function without parameters or state: what most losses are.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "nn/losses/loss.h"

namespace fledge {

class FunctionLoss : public Loss {
 public:
  using Function = std::function<LossOutput(const LossInput&)>;
  FunctionLoss(std::string name, LossNeeds needs, bool on_device, Function f)
      : name_(std::move(name)), needs_(needs), on_device_(on_device), f_(std::move(f)) {}
  const char* name() const override { return name_.c_str(); }
  LossNeeds needs() const override { return needs_; }
  bool runs_on_device() const override { return on_device_; }
  LossOutput forward(const LossInput& input) const override { return f_(input); }

 private:
  std::string name_;
  LossNeeds needs_;
  bool on_device_;
  Function f_;
};

/// f(embedding N,D, labels N int64). on_device: Loss::runs_on_device(), true of a function made of autograd's and
/// tensor's ops alone, without item(), to_vector() or from_vector() on the way.
std::shared_ptr<Loss> loss_of_labels(std::string name,
                                     std::function<LossOutput(const Variable& embedding, const Tensor& labels)> f,
                                     bool on_device = true);
/// f(student's embedding N,D, teacher's N,D', a constant). Its forward() throws Error(Usage) when there is no teacher.
std::shared_ptr<Loss> loss_of_teacher(std::string name,
                                      std::function<LossOutput(const Variable& student, const Tensor& teacher)> f,
                                      bool on_device = true);

/// The teacher's embedding. Throws Error(Usage) when there is no teacher.
const Tensor& teacher_embedding(const LossInput& input, const std::string& loss);
/// Throws Error(Usage) unless labels is int64 with one label per row of the N,D embedding.
void check_labels(const char* op, const Tensor& embedding, const Tensor& labels);

}  // namespace fledge
