// Module: named parameters, buffers and children. Names joined by "." are the keys of a state dict.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "autograd/grad_mode.h"
#include "autograd/variable.h"
#include "tensor/named_tensors.h"

namespace fledge {

class Module {
 public:
  Module() = default;
  virtual ~Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  /// All parameters of this module and its children, depth first in order of registration, with full names.
  std::vector<std::pair<std::string, Variable>> named_parameters(const std::string& prefix = "") const;
  std::vector<std::pair<std::string, Tensor>> named_buffers(const std::string& prefix = "") const;
  std::vector<Variable> parameters() const;
  /// Parameters and buffers as PyTorch orders them in a state dict: of each module first its parameters, then its
  /// buffers, then its children's. The tensors share storage with the module.
  std::vector<std::pair<std::string, Tensor>> named_state(const std::string& prefix = "") const;
  /// This module, under `prefix`, and everything below it. The pointers live as long as the module.
  std::vector<std::pair<std::string, const Module*>> named_modules(const std::string& prefix = "") const;
  /// Calls f for this module and everything below it.
  void apply(const std::function<void(Module&)>& f);

  /// Training (batch statistics, dropout) or evaluation, for this module and its children.
  void train(bool on = true);
  void eval() { train(false); }
  bool is_training() const { return training_; }
  /// requires_grad of every parameter: false freezes a teacher.
  void set_requires_grad(bool on);
  void zero_grad();
  std::int64_t parameter_count() const;
  /// Converts parameters and floating buffers (num_batches_tracked stays int64). Gradients are dropped.
  void to(DType dtype);
  /// Moves parameters and floating buffers (num_batches_tracked stays on the CPU). Gradients of what moves are dropped.
  void to(Device device);

  /// What forward() does on the host besides its tensor work: a training step that is replayed from a recording runs no
  /// host code, so apply() this after each replay, in the state (training, frozen) of the recording. The pass that was
  /// recorded has counted already.
  virtual void count_replayed_step() {}

 protected:
  /// Gives back what forward() keeps beside the weights in evaluation; train() and to() call it.
  virtual void drop_inference_copies() {}

  /// Names must be new in this module (Error(Internal)). The reference stays valid for the module's life.
  Variable& parameter(const std::string& name, Tensor value);
  /// A buffer is shared: in-place writes (running statistics) are seen by the state dict.
  Tensor& buffer(const std::string& name, Tensor value);
  /// A child with the empty name is spliced in: its names carry no prefix
  /// ("conv1.weight", not "backbone.conv1.weight").
  template <class M, class... Args>
  std::shared_ptr<M> child(const std::string& name, Args&&... args) {
    auto m = std::make_shared<M>(std::forward<Args>(args)...);
    add_child(name, m);
    return m;
  }
  /// Registers a module made elsewhere.
  void add_child(const std::string& name, std::shared_ptr<Module> m);

 private:
  void check_new_name(const std::string& name) const;

  bool training_ = true;
  std::vector<std::pair<std::string, std::shared_ptr<Variable>>> parameters_;
  std::vector<std::pair<std::string, std::shared_ptr<Tensor>>> buffers_;
  std::vector<std::pair<std::string, std::shared_ptr<Module>>> children_;
};

/// A module in evaluation, and no graph, while this lives; then as it was.
class InferenceGuard {
 public:
  explicit InferenceGuard(Module& module);
  ~InferenceGuard();
  InferenceGuard(const InferenceGuard&) = delete;
  InferenceGuard& operator=(const InferenceGuard&) = delete;

 private:
  const NoGradGuard no_grad_;
  Module& module_;
  const bool was_training_;
};

}  // namespace fledge
