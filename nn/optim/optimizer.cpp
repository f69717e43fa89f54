#include "nn/optim/optimizer.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/suggest.h"
#include "tensor/creation.h"
#include "tensor/finite.h"
#include "tensor/ops/eltwise.h"
#include "tensor/ops/optim.h"

namespace fledge {

/// What an optimiser remembers of one parameter. Undefined until the parameter's first update.
struct Optimizer::Slot {
  Tensor momentum;             // sgd
  Tensor exp_avg, exp_avg_sq;  // adam, adamw
  std::int64_t step = 0;       // updates done
};

namespace {

void require(bool holds, const std::string& problem, const std::string& hint) {
  if (!holds) throw Error(ErrorKind::Usage, "optimizer", problem, hint);
}

void check_options(const OptimizerOptions& o) {
  const std::vector<std::string> kinds = {"sgd", "adam", "adamw"};
  const bool known = o.kind == "sgd" || o.kind == "adam" || o.kind == "adamw";
  require(known, "unknown optimiser '" + o.kind + "'", did_you_mean(o.kind, kinds));
  require(o.beta1 >= 0 && o.beta1 < 1 && o.beta2 >= 0 && o.beta2 < 1,
          "beta1 is " + std::to_string(o.beta1) + " and beta2 is " + std::to_string(o.beta2), "both must be in [0, 1)");
  require(o.momentum >= 0 && o.momentum < 1, "momentum is " + std::to_string(o.momentum), "it must be in [0, 1)");
  require(o.eps >= 0, "eps is " + std::to_string(o.eps), "it must not be negative");
  require(o.weight_decay >= 0, "weight decay is " + std::to_string(o.weight_decay), "it must not be negative");
  require(!o.nesterov || (o.kind == "sgd" && o.momentum > 0), "nesterov needs sgd with a momentum",
          "set a momentum above 0 or leave nesterov out");
}

void check_groups(const std::vector<ParameterGroup>& groups) {
  std::set<std::string> names;
  std::set<const void*> seen;
  for (const ParameterGroup& group : groups)
    for (const auto& [name, p] : group.parameters) {
      require(p.defined(), "parameter '" + name + "' of group '" + group.name + "' is undefined", "");
      require(names.insert(name).second, "the name '" + name + "' occurs twice",
              "the state is kept by name: give each module its own prefix");
      require(seen.insert(p.impl().get()).second, "parameter '" + name + "' is in two places of the groups",
              "it would be updated twice a step");
    }
}

}  // namespace

Optimizer::Optimizer(std::vector<ParameterGroup> groups, const OptimizerOptions& options)
    : groups_(std::move(groups)), options_(options) {
  check_options(options_);
  check_groups(groups_);
  for (const ParameterGroup& group : groups_) {
    slots_.emplace_back();
    for (std::size_t i = 0; i < group.parameters.size(); ++i) slots_.back().push_back(std::make_shared<Slot>());
  }
}

void Optimizer::step(double lr) {
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const ParameterGroup& group = groups_[g];
    const double rate = lr * group.lr_scale, decay = group.weight_decay ? options_.weight_decay : 0;
    for (std::size_t i = 0; i < group.parameters.size(); ++i) {
      const Variable& p = group.parameters[i].second;
      // As in PyTorch, a parameter without a gradient is left alone: no decay, no moments, no step counted.
      if (!p.grad().defined()) continue;
      Slot& slot = *slots_[g][i];
      ++slot.step;
      if (options_.kind == "sgd") {
        if (options_.momentum > 0 && !slot.momentum.defined()) slot.momentum = zeros_like(p.value());
        sgd_step(p.value(), p.grad(), slot.momentum,
                 {.lr = rate,
                  .momentum = options_.momentum,
                  .weight_decay = decay,
                  .nesterov = options_.nesterov,
                  .first_step = slot.step == 1});
      } else {
        if (!slot.exp_avg.defined()) {
          slot.exp_avg = zeros_like(p.value());
          slot.exp_avg_sq = zeros_like(p.value());
        }
        adam_step(p.value(), p.grad(), slot.exp_avg, slot.exp_avg_sq,
                  {.lr = rate,
                   .beta1 = options_.beta1,
                   .beta2 = options_.beta2,
                   .eps = options_.eps,
                   .weight_decay = decay,
                   .decoupled = options_.kind == "adamw",
                   .legacy_eps = options_.legacy_eps,
                   .step = slot.step});
      }
    }
  }
}

Tensor Optimizer::gradient_norm() const {
  std::vector<Tensor> here, elsewhere;
  for (const ParameterGroup& group : groups_)
    for (const auto& named : group.parameters) {
      const Tensor& grad = named.second.grad();
      if (!grad.defined()) continue;
      (here.empty() || grad.device() == here[0].device() ? here : elsewhere).push_back(grad);
    }
  const Tensor norm = grad_norm(here);
  if (elsewhere.empty()) return norm;
  const double a = norm.item(), b = grad_norm(elsewhere).item();
  norm.fill(std::sqrt(a * a + b * b));
  return norm;
}

/// Updates done so far by the parameters that take part: one number, as there is one for all in memory.
std::int64_t Optimizer::common_step() const {
  std::int64_t step = -1;
  for (std::size_t g = 0; g < groups_.size(); ++g)
    for (std::size_t i = 0; i < slots_[g].size(); ++i) {
      const std::int64_t own = slots_[g][i]->step;
      if (own == 0 && !groups_[g].parameters[i].second.grad().defined()) continue;  // has never taken part
      require(step < 0 || own == step,
              "parameter '" + groups_[g].parameters[i].first + "' has had " + std::to_string(own) +
                  " updates and others " + std::to_string(step),
              "on a GPU all parameters are updated together: start without the optimiser's state");
      step = own;
    }
  return step < 0 ? 0 : step;
}

Tensor Optimizer::next_rates(double lr) const {
  const double t = static_cast<double>(common_step() + 1);
  std::vector<float> rates = {static_cast<float>(lr), t == 1 ? 1.0f : 0.0f, 0};
  if (options_.kind != "sgd") {
    rates[1] = static_cast<float>(1 / (1 - std::pow(options_.beta1, t)));
    rates[2] = static_cast<float>(1 / std::sqrt(1 - std::pow(options_.beta2, t)));
  }
  return from_vector(rates, {3});
}

void Optimizer::prepare() {
  for (std::size_t g = 0; g < groups_.size(); ++g)
    for (std::size_t i = 0; i < slots_[g].size(); ++i) {
      const Variable& p = groups_[g].parameters[i].second;
      Slot& slot = *slots_[g][i];
      if (!p.grad().defined()) continue;
      if (options_.kind == "sgd") {
        if (options_.momentum > 0 && !slot.momentum.defined()) slot.momentum = zeros_like(p.value());
      } else if (!slot.exp_avg.defined()) {
        slot.exp_avg = zeros_like(p.value());
        slot.exp_avg_sq = zeros_like(p.value());
      }
    }
}

void Optimizer::update(const Tensor& rates, const Tensor& norm, double max_norm) {
  prepare();
  std::vector<std::pair<Device, std::vector<StepTensor>>> by_device;
  for (std::size_t g = 0; g < groups_.size(); ++g)
    for (std::size_t i = 0; i < slots_[g].size(); ++i) {
      const Variable& p = groups_[g].parameters[i].second;
      if (!p.grad().defined()) continue;
      const Slot& slot = *slots_[g][i];
      const bool sgd = options_.kind == "sgd";
      const Device device = p.value().device();
      auto place = std::find_if(by_device.begin(), by_device.end(), [&](const auto& d) { return d.first == device; });
      if (place == by_device.end()) place = by_device.insert(by_device.end(), {device, {}});
      place->second.push_back({.w = p.value(),
                               .grad = p.grad(),
                               .first = sgd ? slot.momentum : slot.exp_avg,
                               .second = sgd ? Tensor() : slot.exp_avg_sq,
                               .lr_scale = groups_[g].lr_scale,
                               .weight_decay = groups_[g].weight_decay ? options_.weight_decay : 0});
    }
  for (const auto& [device, tensors] : by_device) update_some(tensors, rates.to(device), norm.to(device), max_norm);
}

void Optimizer::update_some(const std::vector<StepTensor>& tensors, const Tensor& rates, const Tensor& norm,
                            double max_norm) const {
  if (options_.kind == "sgd") {
    SgdParams params;
    params.momentum = options_.momentum;
    params.nesterov = options_.nesterov;
    return sgd_step_many(tensors, params, rates, norm, max_norm);
  }
  AdamParams params;
  params.beta1 = options_.beta1;
  params.beta2 = options_.beta2;
  params.eps = options_.eps;
  params.decoupled = options_.kind == "adamw";
  params.legacy_eps = options_.legacy_eps;
  adam_step_many(tensors, params, rates, norm, max_norm);
}

void Optimizer::count_update() {
  for (std::size_t g = 0; g < groups_.size(); ++g)
    for (std::size_t i = 0; i < slots_[g].size(); ++i)
      if (groups_[g].parameters[i].second.grad().defined()) ++slots_[g][i]->step;
}

void Optimizer::zero_grad() {
  for (ParameterGroup& group : groups_)
    for (auto& named : group.parameters) named.second.zero_grad();
}

/// A copy, as a state taken now must not change with the next step; on the
/// host, where no device memory is needed for it.
static Tensor snapshot(const Tensor& t) { return t.device() == Device{} ? t.clone() : t.to(Device{}); }

NamedTensors Optimizer::state() const {
  NamedTensors out;
  for (std::size_t g = 0; g < groups_.size(); ++g)
    for (std::size_t i = 0; i < slots_[g].size(); ++i) {
      const Slot& slot = *slots_[g][i];
      const std::string& name = groups_[g].parameters[i].first;
      if (slot.step == 0) continue;
      if (slot.momentum.defined()) out.emplace_back("momentum." + name, snapshot(slot.momentum));
      if (slot.exp_avg.defined()) {
        out.emplace_back("exp_avg." + name, snapshot(slot.exp_avg));
        out.emplace_back("exp_avg_sq." + name, snapshot(slot.exp_avg_sq));
      }
      out.emplace_back("step." + name, scalar(static_cast<double>(slot.step), DType::Int64));
    }
  return out;
}

namespace {

[[noreturn]] void refuse_state(const std::string& problem) {
  throw Error(
      ErrorKind::BadInput, "optimizer state", problem,
      "it belongs to another model or optimiser: resume with the options of that run, or start without its state");
}

/// A copy of the entry with the parameter's strides; the entry is taken out of `rest`.
Tensor take(std::map<std::string, Tensor>& rest, const std::string& key, const Tensor& parameter) {
  const auto found = rest.find(key);
  if (found == rest.end()) refuse_state("'" + key + "' is missing");
  const Tensor source = found->second;
  if (!(source.dims() == parameter.dims()) || source.dtype() != parameter.dtype())
    refuse_state("'" + key + "' is " + describe(source) + " but its parameter is " + describe(parameter));
  // Second moments are means of squares.
  require_sound(source, key.starts_with("exp_avg_sq.") ? Sound::FiniteNotNegative : Sound::Finite,
                "optimizer state '" + key + "'", ErrorKind::BadInput, "go on from an earlier checkpoint");
  Tensor copy = zeros_like(parameter);
  copy.copy_from(source);
  rest.erase(found);
  return copy;
}

}  // namespace

void Optimizer::load_state(const NamedTensors& state) {
  std::map<std::string, Tensor> rest;
  for (const auto& [name, tensor] : state)
    if (!rest.emplace(name, tensor).second) refuse_state("'" + name + "' occurs twice");
  // Built aside first: a state that does not fit changes nothing.
  std::vector<std::vector<std::shared_ptr<Slot>>> loaded;
  for (const ParameterGroup& group : groups_) {
    loaded.emplace_back();
    for (const auto& [name, p] : group.parameters) {
      auto slot = std::make_shared<Slot>();
      loaded.back().push_back(slot);
      const auto step = rest.find("step." + name);
      if (step == rest.end()) continue;  // never updated so far
      if (step->second.numel() != 1)
        refuse_state("'step." + name + "' is " + describe(step->second) + ", not one number");
      slot->step = static_cast<std::int64_t>(step->second.item());
      if (slot->step < 1) refuse_state("'step." + name + "' is " + std::to_string(slot->step));
      rest.erase(step);
      if (options_.kind != "sgd") {
        slot->exp_avg = take(rest, "exp_avg." + name, p.value());
        slot->exp_avg_sq = take(rest, "exp_avg_sq." + name, p.value());
      } else if (options_.momentum > 0) {
        slot->momentum = take(rest, "momentum." + name, p.value());
      }
    }
  }
  if (!rest.empty())
    refuse_state("'" + rest.begin()->first + "' has no place (" + std::to_string(rest.size()) +
                 " such entries; optimiser is " + options_.kind + ")");
  slots_ = std::move(loaded);
}

double clip_grad_norm(const std::vector<ParameterGroup>& groups, double max_norm) {
  double squares = 0;
  for (const ParameterGroup& group : groups)
    for (const auto& named : group.parameters)
      if (named.second.grad().defined()) squares += sum_of_squares(named.second.grad());
  const double norm = std::sqrt(squares);
  if (!(max_norm > 0) || !std::isfinite(norm) || norm <= max_norm) return norm;
  for (const ParameterGroup& group : groups)
    for (const auto& named : group.parameters) {
      Variable p = named.second;
      // A new tensor: the old one's memory may also be another parameter's gradient.
      if (p.grad().defined()) p.set_grad(affine(p.grad(), max_norm / norm, 0));
    }
  return norm;
}

}  // namespace fledge
