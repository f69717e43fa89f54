// What a value of a pickle is to someone who looks for tensors: a dictionary, a list, a module. Private to io/torch.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/pickle/graph.h"

namespace fledge::torch_file {

/// No part of a tensor's name is longer.
constexpr std::size_t kMaxName = 4096;

using Pairs = std::vector<std::pair<pickle::Ref, pickle::Ref>>;

/// dict, OrderedDict, and objects that were given items by SETITEM (their subclasses).
std::optional<Pairs> as_dictionary(const pickle::Graph& graph, pickle::Ref r);
/// list, tuple, and objects that were given items by APPEND.
std::optional<std::vector<pickle::Ref>> as_list(const pickle::Graph& graph, pickle::Ref r);

/// A pickled torch.nn.Module, told by its attributes, whatever its class.
struct ModuleView {
  Pairs parameters, buffers, children, attributes;
  std::vector<std::string> non_persistent;  // buffers that are not in the state dict; sorted
};
std::optional<ModuleView> as_module(const pickle::Graph& graph, pickle::Ref r);
/// The attributes of an object, as far as they were set by BUILD.
Pairs attributes_of(const pickle::Graph& graph, pickle::Ref r);

/// A dictionary's key as part of a name: texts and whole numbers; others "?".
std::string key_text(const pickle::Graph& graph, pickle::Ref key);
/// The value of a text key, or nothing; the last one of equal keys.
std::optional<pickle::Ref> value_of(const pickle::Graph& graph, const Pairs& pairs, std::string_view key);

}  // namespace fledge::torch_file
