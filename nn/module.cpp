#include "nn/module.h"

namespace fledge {
namespace {

/// "layer1" + "0" = "layer1.0"; an empty part adds nothing, which is how a child without a name is spliced in.
std::string join(const std::string& prefix, const std::string& name) {
  if (prefix.empty()) return name;
  if (name.empty()) return prefix;
  return prefix + "." + name;
}

template <class T>
void append(std::vector<T>& to, std::vector<T> more) {
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

std::vector<std::pair<std::string, Variable>> Module::named_parameters(const std::string& prefix) const {
  std::vector<std::pair<std::string, Variable>> all;
  for (const auto& [name, p] : parameters_) all.emplace_back(join(prefix, name), *p);
  for (const auto& [name, c] : children_) append(all, c->named_parameters(join(prefix, name)));
  return all;
}

std::vector<std::pair<std::string, Tensor>> Module::named_buffers(const std::string& prefix) const {
  std::vector<std::pair<std::string, Tensor>> all;
  for (const auto& [name, b] : buffers_) all.emplace_back(join(prefix, name), *b);
  for (const auto& [name, c] : children_) append(all, c->named_buffers(join(prefix, name)));
  return all;
}

std::vector<std::pair<std::string, Tensor>> Module::named_state(const std::string& prefix) const {
  std::vector<std::pair<std::string, Tensor>> all;
  for (const auto& [name, p] : parameters_) all.emplace_back(join(prefix, name), p->value());
  for (const auto& [name, b] : buffers_) all.emplace_back(join(prefix, name), *b);
  for (const auto& [name, c] : children_) append(all, c->named_state(join(prefix, name)));
  return all;
}

std::vector<std::pair<std::string, const Module*>> Module::named_modules(const std::string& prefix) const {
  std::vector<std::pair<std::string, const Module*>> all = {{prefix, this}};
  for (const auto& [name, c] : children_) append(all, c->named_modules(join(prefix, name)));
  return all;
}

std::vector<Variable> Module::parameters() const {
  std::vector<Variable> all;
  for (auto& [name, p] : named_parameters()) all.push_back(p);
  return all;
}

void Module::apply(const std::function<void(Module&)>& f) {
  f(*this);
  for (auto& [name, c] : children_) c->apply(f);
}

void Module::train(bool on) {
  apply([on](Module& m) {
    m.training_ = on;
    if (on) m.drop_inference_copies();
  });
}

InferenceGuard::InferenceGuard(Module& module) : module_(module), was_training_(module.is_training()) {
  if (was_training_) module_.eval();
}

InferenceGuard::~InferenceGuard() {
  if (was_training_) module_.train();
}

void Module::set_requires_grad(bool on) {
  for (Variable& p : parameters()) p.set_requires_grad(on);
}

void Module::zero_grad() {
  for (Variable& p : parameters()) p.zero_grad();
}

std::int64_t Module::parameter_count() const {
  std::int64_t count = 0;
  for (const Variable& p : parameters()) count += p.value().numel();
  return count;
}

void Module::to(DType dtype) {
  if (!is_floating(dtype)) {
    throw Error(ErrorKind::Usage, "Module::to", std::string("weights need a floating type, not ") + name_of(dtype));
  }
  apply([dtype](Module& m) {
    m.drop_inference_copies();
    for (auto& [name, p] : m.parameters_) {
      p->set_value(p->value().to(dtype));
      p->zero_grad();
    }
    for (auto& [name, b] : m.buffers_)
      if (is_floating(b->dtype())) *b = b->to(dtype);
  });
}

void Module::to(Device device) {
  apply([device](Module& m) {
    for (auto& [name, p] : m.parameters_) {
      if (p->value().device() == device) continue;
      m.drop_inference_copies();
      p->set_value(p->value().to(device));
      p->zero_grad();
    }
    for (auto& [name, b] : m.buffers_)
      if (is_floating(b->dtype())) *b = b->to(device);
  });
}

Variable& Module::parameter(const std::string& name, Tensor value) {
  check_new_name(name);
  parameters_.emplace_back(name, std::make_shared<Variable>(std::move(value), true));
  return *parameters_.back().second;
}

Tensor& Module::buffer(const std::string& name, Tensor value) {
  check_new_name(name);
  buffers_.emplace_back(name, std::make_shared<Tensor>(std::move(value)));
  return *buffers_.back().second;
}

void Module::add_child(const std::string& name, std::shared_ptr<Module> m) {
  if (!name.empty()) check_new_name(name);  // several children may be spliced in
  children_.emplace_back(name, std::move(m));
}

void Module::check_new_name(const std::string& name) const {
  auto taken = [&name](const auto& list) {
    for (const auto& entry : list)
      if (entry.first == name) return true;
    return false;
  };
  if (name.empty() || taken(parameters_) || taken(buffers_) || taken(children_)) {
    throw Error(ErrorKind::Internal, "Module", "the name '" + name + "' is empty or registered twice");
  }
}

}  // namespace fledge
