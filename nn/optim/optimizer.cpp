#include "nn/optim/optimizer.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "tensor/creation.h"
#include "tensor/ops/eltwise.h"

namespace fledge {

void check_optimizer(bool holds, const std::string& problem, const std::string& hint) {
  if (!holds) throw Error(ErrorKind::Usage, "optimizer", problem, hint);
}

Optimizer::Optimizer(const std::vector<ParameterGroup>& groups, const OptimizerOptions& options,
                     std::vector<Moment> moments)
    : options_(options), moments_(std::move(moments)) {
  std::set<std::string> names;
  std::set<const void*> seen;
  for (const ParameterGroup& group : groups)
    for (const auto& [name, p] : group.parameters) {
      check_optimizer(p.defined(), "parameter '" + name + "' of group '" + group.name + "' is undefined", "");
      check_optimizer(names.insert(name).second, "the name '" + name + "' occurs twice",
                      "the state is kept by name: give each module its own prefix");
      check_optimizer(seen.insert(p.impl().get()).second, "parameter '" + name + "' is in two places of the groups",
                      "it would be updated twice a step");
      entries_.push_back({name, p, group.lr_scale, group.weight_decay ? options.weight_decay : 0, {}, 0});
    }
}

void Optimizer::zero_grad() {
  for (Entry& e : entries_) e.parameter.zero_grad();
}

Tensor Optimizer::gradient_norm(const Tensor& also) const {
  std::vector<Tensor> here, elsewhere;
  for (const Entry& e : entries_) {
    const Tensor& grad = e.parameter.grad();
    if (grad.defined()) (here.empty() || grad.device() == here[0].device() ? here : elsewhere).push_back(grad);
  }
  // 0 * it: adds nothing but what is not finite.
  if (also.defined()) here.push_back(affine(also, 0, 0));
  const Tensor norm = grad_norm(here);
  if (elsewhere.empty()) return norm;
  const double a = norm.item(), b = grad_norm(elsewhere).item();
  norm.fill(std::sqrt(a * a + b * b));
  return norm;
}

void Optimizer::step(double lr, const Tensor& norm, double max_norm) {
  std::map<std::int64_t, std::vector<Entry*>> by_count;  // the numbers of a step depend on it
  for (Entry& e : entries_)
    if (e.takes_part()) by_count[e.step].push_back(&e);
  const Tensor any = norm.defined() ? norm : scalar(0, DType::Float64);
  for (const auto& [count, entries] : by_count) {
    const std::vector<double> numbers = rates(lr, count + 1);
    update(entries, {from_vector(numbers, {static_cast<std::int64_t>(numbers.size())}), any, max_norm});
  }
  count_update();
}

Tensor Optimizer::next_rates(double lr) const {
  std::int64_t count = -1;
  for (const Entry& e : entries_) {
    if (e.step == 0 && !e.takes_part()) continue;  // has never taken part
    check_optimizer(
        count < 0 || e.step == count,
        "parameter '" + e.name + "' has had " + std::to_string(e.step) + " updates and others " + std::to_string(count),
        "on a GPU all parameters are updated together: start without the optimiser's state");
    count = e.step;
  }
  const std::vector<double> numbers = rates(lr, std::max<std::int64_t>(count, 0) + 1);
  return from_vector(numbers, {static_cast<std::int64_t>(numbers.size())});
}

void Optimizer::update(const StepNumbers& numbers) {
  std::vector<Entry*> entries;
  for (Entry& e : entries_)
    if (e.takes_part()) entries.push_back(&e);
  update(entries, numbers);
}

void Optimizer::update(const std::vector<Entry*>& entries, const StepNumbers& numbers) const {
  std::vector<std::pair<Device, std::vector<StepTensor>>> by_device;
  for (Entry* e : entries) {
    const Tensor& w = e->parameter.value();
    for (std::size_t i = e->moments.size(); i < moments_.size(); ++i) {
      e->moments.push_back(Tensor::empty_like(w));
      e->moments.back().fill(moments_[i].initial);
    }
    auto place = std::find_if(by_device.begin(), by_device.end(), [&](const auto& d) { return d.first == w.device(); });
    if (place == by_device.end()) place = by_device.insert(by_device.end(), {w.device(), {}});
    place->second.push_back({w, e->parameter.grad(), e->moments, e->lr_scale, e->weight_decay});
  }
  for (const auto& [device, tensors] : by_device)
    make_step(tensors, {numbers.rates.to(device), numbers.norm.to(device), numbers.max_norm});
}

void Optimizer::count_update() {
  for (Entry& e : entries_)
    if (e.takes_part()) ++e.step;
}

}  // namespace fledge
