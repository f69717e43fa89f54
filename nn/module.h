// Module: named parameters, buffers and children. Names joined by "." are the keys of a state dict.
#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

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

  /// Training (batch statistics, dropout) or evaluation, for this module and its children.
  void train(bool on = true);
  void eval() { train(false); }
  bool is_training() const { return training_; }
  /// requires_grad of every parameter: false freezes a teacher.
  void set_requires_grad(bool on);
  void zero_grad();
  std::int64_t parameter_count() const;

 protected:
  Variable& parameter(const std::string& name, Tensor value);
  /// A buffer is shared: in-place writes (running statistics) are seen by the state dict.
  Tensor& buffer(const std::string& name, Tensor value);
  template <class M, class... Args> std::shared_ptr<M> child(const std::string& name, Args&&... args) {
    auto m = std::make_shared<M>(std::forward<Args>(args)...);
    children_.emplace_back(name, m);
    return m;
  }
  /// Registers a module made elsewhere.
  void add_child(const std::string& name, std::shared_ptr<Module> m) { children_.emplace_back(name, std::move(m)); }

 private:
  bool training_ = true;
  std::vector<std::pair<std::string, std::shared_ptr<Variable>>> parameters_;
  std::vector<std::pair<std::string, std::shared_ptr<Tensor>>> buffers_;
  std::vector<std::pair<std::string, std::shared_ptr<Module>>> children_;
};

}  // namespace fledge
