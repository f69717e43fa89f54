// An optimiser's state by name, out and in.
#include <map>

#include "nn/optim/optimizer.h"
#include "tensor/creation.h"

namespace fledge {
namespace {

/// A copy, as a state taken now must not change with the next step; on the host, where no device memory is needed for
/// it.
Tensor snapshot(const Tensor& t) { return t.device() == Device{} ? t.clone() : t.to(Device{}); }

[[noreturn]] void refuse_state(const std::string& problem) {
  throw Error(
      ErrorKind::BadInput, "optimizer state", problem,
      "it belongs to another model or optimiser: resume with the options of that run, or start without its state");
}

/// A copy of the entry with the parameter's strides; the entry is taken out of `rest`.
Tensor take(std::map<std::string, Tensor>& rest, const std::string& key, Sound sound, const Tensor& parameter) {
  const auto found = rest.find(key);
  if (found == rest.end()) refuse_state("'" + key + "' is missing");
  const Tensor source = found->second;
  if (!(source.dims() == parameter.dims()) || source.dtype() != parameter.dtype())
    refuse_state("'" + key + "' is " + describe(source) + " but its parameter is " + describe(parameter));
  require_sound(source, sound, "optimizer state '" + key + "'", ErrorKind::BadInput,
                "go on from an earlier checkpoint");
  Tensor copy = Tensor::empty_like(parameter);
  copy.copy_from(source);
  rest.erase(found);
  return copy;
}

}  // namespace

NamedTensors Optimizer::state() const {
  NamedTensors out;
  for (const Entry& e : entries_) {
    if (e.step == 0) continue;
    for (std::size_t i = 0; i < moments_.size(); ++i)
      out.emplace_back(moments_[i].name + "." + e.name, snapshot(e.moments[i]));
    out.emplace_back("step." + e.name, scalar(static_cast<double>(e.step), DType::Int64));
  }
  return out;
}

void Optimizer::load_state(const NamedTensors& state) {
  std::map<std::string, Tensor> rest;
  for (const auto& [name, tensor] : state)
    if (!rest.emplace(name, tensor).second) refuse_state("'" + name + "' occurs twice");
  std::vector<Entry> loaded = entries_;  // a state that does not fit changes nothing
  for (Entry& e : loaded) {
    e.moments.clear();
    e.step = 0;
    const auto step = rest.find("step." + e.name);
    if (step == rest.end()) continue;  // never updated so far
    if (step->second.numel() != 1)
      refuse_state("'step." + e.name + "' is " + describe(step->second) + ", not one number");
    e.step = static_cast<std::int64_t>(step->second.item());
    if (e.step < 1) refuse_state("'step." + e.name + "' is " + std::to_string(e.step));
    rest.erase(step);
    for (const Moment& m : moments_)
      e.moments.push_back(take(rest, m.name + "." + e.name, m.sound, e.parameter.value()));
  }
  if (!rest.empty())
    refuse_state("'" + rest.begin()->first + "' has no place (" + std::to_string(rest.size()) +
                 " such entries; optimiser is " + options_.kind + ")");
  entries_ = std::move(loaded);
}

}  // namespace fledge
