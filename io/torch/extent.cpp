#include "io/torch/extent.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

namespace fledge::torch_file {
namespace {

using pickle::Kind;
using pickle::Ref;

constexpr int kMaxLevels = 256;
// Values looked at. A pickle has at most 2,000,000, each looked at a few times; one that names the same large value
// again and again, or nests the same value twice in itself forty times, would have more.
constexpr std::uint64_t kMaxWork = 16'000'000;
constexpr std::uint64_t kEnough = std::uint64_t{1} << 40;  // counts stop here: 2,000,000 of them still fit 64 bits

}  // namespace

void Extent::spend(std::uint64_t values) {
  work_ += values;
  if (work_ > kMaxWork) source_.refuse(0, "an object that unfolds to more than 16,000,000 values, in the pickle");
}

void Extent::enter(int level) const {
  if (level > kMaxLevels) source_.refuse(0, "a container that contains itself, or more than 256 levels, in the pickle");
}

/// Is there a tensor in or below the value, and is it where a state dict would have it? Each value is asked once, so
/// that shared ones cost nothing: what 90 bytes of DUP and TUPLE2 unfold to is never unfolded.
Extent::Holds Extent::find(Ref r, int level) {
  if (holds_[r] != Unknown) return holds_[r];  // Asked: it contains itself
  if (level > 4 * kMaxLevels) source_.refuse(0, "values nested too deep in the pickle");
  holds_[r] = Asked;
  Holds found = rebuilder_.is_tensor(r) ? Tensor : Nothing;
  if (found == Nothing) {
    const auto module = as_module(graph_, r);
    const std::vector<Ref> children = module ? module_values(*module) : container_values(r);
    const Pairs attributes = attributes_of(graph_, r);
    spend(children.size() + attributes.size() + (module ? module->non_persistent.size() : 0));
    if (graph_.kind(r) == Kind::Object) spend(arguments_looked_at(r));
    for (const Ref child : children) {
      const Holds below = find(child, level + 1);
      if (below == Tensor || below == Aside) found = std::max(found, below);
    }
    for (const auto& pair : attributes) {
      const Holds below = find(pair.second, level + 1);
      if (below == Tensor || below == Aside) found = std::max(found, Aside);
    }
  }
  return holds_[r] = found;
}

/// What is copied to see what an object is: its arguments, and the items of a single one.
std::size_t Extent::arguments_looked_at(Ref r) const {
  const std::size_t count = graph_.tuple_size(graph_.arguments(r));
  return count == 1 ? 1 + graph_.items(graph_.tuple_item(graph_.arguments(r), 0)).size() : count;
}

std::vector<Ref> Extent::container_values(Ref r) const {
  std::vector<Ref> all;
  if (const auto pairs = as_dictionary(graph_, r))
    for (const auto& pair : *pairs) all.push_back(pair.second);
  if (const auto items = as_list(graph_, r)) all.insert(all.end(), items->begin(), items->end());
  return all;
}

std::vector<Ref> Extent::module_values(const ModuleView& module) const {
  std::vector<Ref> all;
  for (const auto& pair : module.parameters) all.push_back(pair.second);
  for (const auto& [key, value] : module.buffers)
    if (!is_hidden(module, key)) all.push_back(value);
  for (const auto& pair : module.children) all.push_back(pair.second);
  return all;
}

bool Extent::is_hidden(const ModuleView& module, Ref key) const {
  if (module.non_persistent.empty() || (graph_.is_string(key) && graph_.text(key).size() > kMaxName)) return false;
  return std::binary_search(module.non_persistent.begin(), module.non_persistent.end(), key_text(graph_, key));
}

Pairs Extent::current(const Pairs& pairs, const std::function<void(Ref key)>& overwritten) {
  spend(4 * pairs.size());
  std::unordered_map<std::string_view, std::size_t> last_text;
  std::unordered_map<std::int64_t, std::size_t> last_int;
  const auto last = [&](Ref key) -> std::size_t* {  // null: too long, or of a kind that is not compared
    if (graph_.kind(key) == Kind::Int) return &last_int[graph_.integer(key)];
    const bool compared = graph_.is_string(key) && graph_.text(key).size() <= kMaxName;
    return compared ? &last_text[graph_.text(key)] : nullptr;
  };
  for (std::size_t i = 0; i < pairs.size(); ++i)
    if (std::size_t* at = last(pairs[i].first)) *at = i;
  Pairs all;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const std::size_t* at = last(pairs[i].first);
    if (at && *at != i)
      overwritten(pairs[i].first);
    else if (holds_[pairs[i].second] != Nothing)
      all.push_back(pairs[i]);
  }
  return all;
}

void Extent::Unfolded::add(const Unfolded& below) {
  tensors = std::min(tensors + below.tensors, kEnough);
  work = std::min(work + below.work, kEnough);
}

/// What the walk through the value would come by, as often as the value's parts are named. At most what it really
/// does: a value within itself counts as nothing here and is refused by the walk.
Extent::Unfolded Extent::unfold(Ref r, int level) {
  if (holds_[r] != Tensor) return {};
  if (rebuilder_.is_tensor(r)) return {1, 0};
  enter(level);
  if (const auto [known, fresh] = unfolded_.try_emplace(r); !fresh) return known->second;
  const Unfolded all = unfold_container(r, level);
  return unfolded_[r] = all;
}

Extent::Unfolded Extent::unfold_container(Ref r, int level) {
  Unfolded all{0, kContainer};
  if (const auto module = as_module(graph_, r)) {
    const auto own = [&](Ref value) { all.tensors += rebuilder_.is_tensor(value); };
    for (const auto& pair : module->parameters) own(pair.second);
    for (const auto& [key, value] : module->buffers)
      if (!is_hidden(*module, key)) own(value);
    all.work += module->parameters.size() + module->buffers.size() + module->children.size();
    for (const auto& pair : module->children) all.add(unfold(pair.second, level + 1));
  } else if (const auto pairs = as_dictionary(graph_, r)) {
    all.work += 4 * pairs->size();
    for (const auto& pair : current(*pairs, [](Ref) {})) all.add(unfold(pair.second, level + 1));
  } else if (const auto items = as_list(graph_, r)) {
    all.work += items->size();
    for (const Ref item : *items) all.add(unfold(item, level + 1));
  }
  return all;
}

void Extent::measure(Ref root) {
  find(root, 0);
  const Unfolded all = unfold(root, 0);
  if (all.tensors > kMaxTensors) source_.refuse(0, "more than 100,000 tensors in the pickle");
  if (all.work > kMaxWork) spend(all.work);
}

}  // namespace fledge::torch_file
