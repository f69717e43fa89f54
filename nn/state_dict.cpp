#include "nn/state_dict.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

namespace fledge {
namespace {

using Index = std::unordered_map<std::string, std::size_t>;  // name -> place in the module's list

bool starts_with_any(const std::string& name, const std::vector<std::string>& prefixes) {
  for (const std::string& p : prefixes)
    if (name.compare(0, p.size(), p) == 0) return true;
  return false;
}

/// All forms of a file's name, from as it is to with every prefix removed:
/// "module.base.fc.bias", "base.fc.bias", "fc.bias".
std::vector<std::string> stripped_forms(const std::string& name, const std::vector<std::string>& prefixes) {
  std::vector<std::string> forms{name};
  for (std::size_t i = 0; i < forms.size(); ++i)
    for (const std::string& p : prefixes)
      if (!p.empty() && forms[i].compare(0, p.size(), p) == 0) forms.push_back(forms[i].substr(p.size()));
  return forms;
}

std::optional<std::size_t> find_place(const Index& index, const std::vector<std::string>& forms) {
  for (const std::string& form : forms)
    if (auto it = index.find(form); it != index.end()) return it->second;
  return std::nullopt;
}

/// "3 missing (conv1.weight, bn1.weight, bn1.bias)", with at most four names.
void append_list(std::string& message, const char* what, const std::vector<std::string>& names) {
  if (names.empty()) return;
  constexpr std::size_t kShown = 4;
  message += (message.empty() ? "" : "; ") + std::to_string(names.size()) + " " + what + " (";
  for (std::size_t i = 0; i < names.size() && i < kShown; ++i) message += (i ? ", " : "") + names[i];
  message += names.size() > kShown ? ", ...)" : ")";
}

constexpr const char* kUnsoundHint =
    "its file is damaged, or its training diverged: use an earlier checkpoint, or write the file anew";

/// Where each tensor of the file goes, and what is wrong. Nothing is written before all of it is known to fit.
struct Plan {
  std::vector<const StateEntry*> source;  // per tensor of the module; null: stays as it is
  LoadReport report;
  std::vector<std::string> missing, unexpected, misfits, doubles;  // errors
};

std::vector<std::int64_t> shape_of(const Tensor& t) { return {t.dims().begin(), t.dims().end()}; }

Plan make_plan(const NamedTensors& own, const std::vector<StateEntry>& file, const LoadOptions& options) {
  Plan plan;
  plan.source.assign(own.size(), nullptr);
  Index index;
  for (std::size_t i = 0; i < own.size(); ++i) index.emplace(own[i].first, i);

  for (const StateEntry& entry : file) {
    const std::string& name = entry.name;
    const std::vector<std::string> forms = stripped_forms(name, options.strip);
    const std::optional<std::size_t> place = find_place(index, forms);
    if (!place) {
      bool ignored = false;
      for (const std::string& form : forms) ignored = ignored || starts_with_any(form, options.may_ignore);
      (ignored ? plan.report.unexpected : plan.unexpected).push_back(name);
    } else if (plan.source[*place]) {
      plan.doubles.push_back(name);
    } else {
      const auto& [own_name, own_tensor] = own[*place];
      if (!fits_state(own_name, entry.shape, shape_of(own_tensor)))
        plan.misfits.push_back(own_name + ": file " + sizes_text(entry.shape) + ", model " +
                               to_string(own_tensor.dims()));
      plan.source[*place] = &entry;
    }
  }
  for (std::size_t i = 0; i < own.size(); ++i) {
    const std::string& name = own[i].first;
    if (plan.source[i]) {
      plan.report.loaded.push_back(name);
    } else {
      const bool allowed = is_batch_counter(name) || starts_with_any(name, options.may_miss);
      (allowed ? plan.report.missing : plan.missing).push_back(name);
    }
  }
  return plan;
}

void throw_if_bad(const Plan& plan) {
  std::string problem;
  append_list(problem, "of the model's tensors are missing in the file", plan.missing);
  append_list(problem, "of the file's tensors have no place in the model", plan.unexpected);
  append_list(problem, "have another shape", plan.misfits);
  append_list(problem, "occur twice", plan.doubles);
  if (problem.empty()) return;
  throw Error(ErrorKind::BadInput, "load_state_dict", "the weights do not fit the model: " + problem,
              "check architecture, width, embedding size and stem against those of the file");
}

}  // namespace

NamedTensors state_dict(const Module& module) { return module.named_state(); }

bool is_batch_counter(const std::string& name) { return name.ends_with("num_batches_tracked"); }

void refuse_whole_numbers(const std::string& name) {
  throw Error(ErrorKind::BadInput, "", "tensor '" + name + "' holds whole numbers, where weights are real ones",
              "weights that were quantised mean nothing without their scales: take the network as it was trained");
}

Sound wanted_of(const std::string& name) {
  return name.ends_with("running_var") ? Sound::FiniteNotNegative : Sound::Finite;
}

bool fits_state(const std::string& name, const std::vector<std::int64_t>& file, const std::vector<std::int64_t>& own) {
  if (!is_batch_counter(name)) return file == own;
  return std::all_of(file.begin(), file.end(), [](std::int64_t size) { return size == 1; });
}

LoadReport load_state_dict(Module& module, const std::vector<StateEntry>& entries, const LoadOptions& options) {
  const NamedTensors own = module.named_state();
  Plan plan = make_plan(own, entries, options);
  throw_if_bad(plan);
  for (std::size_t i = 0; i < own.size(); ++i) {
    if (!plan.source[i]) continue;
    const Tensor stored = plan.source[i]->fetch();
    if (is_floating(own[i].second.dtype()) && !is_floating(stored.dtype())) refuse_whole_numbers(plan.source[i]->name);
    // As the module will hold it: a float64 may be beyond float32.
    const Tensor values = stored.to(own[i].second.dtype());
    require_sound(values, wanted_of(own[i].first), "tensor '" + plan.source[i]->name + "'", ErrorKind::BadInput,
                  kUnsoundHint);
    own[i].second.copy_from(values.reshape(own[i].second.dims()));
  }
  return std::move(plan.report);
}

LoadReport load_state_dict(Module& module, const NamedTensors& tensors, const LoadOptions& options) {
  std::vector<StateEntry> entries;
  for (const auto& [name, tensor] : tensors) entries.push_back({name, shape_of(tensor), [t = tensor] { return t; }});
  return load_state_dict(module, entries, options);
}

}  // namespace fledge
