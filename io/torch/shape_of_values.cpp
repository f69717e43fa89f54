#include "io/torch/shape_of_values.h"

#include <algorithm>

#include "io/torch/names.h"

namespace fledge::torch_file {

using pickle::Graph;
using pickle::Kind;
using pickle::kNoRef;
using pickle::Ref;

namespace {

Pairs paired(const std::vector<Ref>& flat) {
  Pairs pairs;
  for (std::size_t i = 0; i + 1 < flat.size(); i += 2) pairs.emplace_back(flat[i], flat[i + 1]);
  return pairs;
}

bool is_ordered_dict(const Graph& graph, Ref r) {
  return graph.kind(r) == Kind::Object && meaning_of(graph, class_made(graph, r)) == Meaning::OrderedDict;
}

std::vector<std::string> texts_of_set(const Graph& graph, Ref r) {
  std::vector<Ref> items;
  if (graph.kind(r) == Kind::Set) {
    items = graph.items(r);
  } else if (graph.kind(r) == Kind::Object && meaning_of(graph, graph.class_of(r)) == Meaning::Set) {
    const auto arguments = graph.items(graph.arguments(r));
    if (arguments.size() == 1) items = graph.items(arguments[0]);
  }
  std::vector<std::string> texts;
  for (const Ref item : items)
    if (graph.is_string(item) && graph.text(item).size() <= kMaxName) texts.push_back(utf8_of(graph.text(item)));
  std::sort(texts.begin(), texts.end());
  return texts;
}

}  // namespace

std::optional<Pairs> as_dictionary(const Graph& graph, Ref r) {
  if (graph.kind(r) == Kind::Dict) return paired(graph.items(r));
  if (graph.kind(r) != Kind::Object) return std::nullopt;
  const std::vector<Ref> added = graph.set_items(r);
  if (!is_ordered_dict(graph, r)) return added.empty() ? std::nullopt : std::optional(paired(added));
  Pairs pairs;  // Python 2: OrderedDict([[key, value], ...])
  const Ref arguments = graph.arguments(r);
  const bool made_from_list =
      meaning_of(graph, graph.class_of(r)) == Meaning::OrderedDict && graph.tuple_size(arguments) == 1;
  if (made_from_list)
    for (const Ref item : graph.items(graph.tuple_item(arguments, 0)))
      if (const auto pair = graph.items(item); pair.size() == 2) pairs.emplace_back(pair[0], pair[1]);
  const Pairs more = paired(added);
  pairs.insert(pairs.end(), more.begin(), more.end());
  return pairs;
}

std::optional<std::vector<Ref>> as_list(const Graph& graph, Ref r) {
  if (graph.kind(r) == Kind::List || graph.kind(r) == Kind::Tuple) return graph.items(r);
  if (graph.kind(r) != Kind::Object) return std::nullopt;
  auto items = graph.appended(r);
  return items.empty() ? std::nullopt : std::optional(std::move(items));
}

std::optional<ModuleView> as_module(const Graph& graph, Ref r) {
  const Pairs state = attributes_of(graph, r);
  const auto modules = value_of(graph, state, "_modules"), parameters = value_of(graph, state, "_parameters"),
             buffers = value_of(graph, state, "_buffers");
  if (!modules || !parameters || !buffers) return std::nullopt;
  const auto children = as_dictionary(graph, *modules), own = as_dictionary(graph, *parameters),
             kept = as_dictionary(graph, *buffers);
  if (!children || !own || !kept) return std::nullopt;
  ModuleView view{*own, *kept, *children, {}, {}};
  if (const auto hidden = value_of(graph, state, "_non_persistent_buffers_set"))
    view.non_persistent = texts_of_set(graph, *hidden);
  for (const auto& pair : state)
    if (pair.second != *modules && pair.second != *parameters && pair.second != *buffers)
      view.attributes.push_back(pair);
  return view;
}

Pairs attributes_of(const Graph& graph, Ref r) {
  if (graph.kind(r) != Kind::Object || graph.state(r) == kNoRef) return {};
  Ref state = graph.state(r);  // {...}, or ({...}, slots)
  if (graph.kind(state) == Kind::Tuple) {
    const auto parts = graph.items(state);
    if (parts.size() != 2) return {};
    state = graph.kind(parts[0]) == Kind::Dict ? parts[0] : parts[1];
  }
  return graph.kind(state) == Kind::Dict ? paired(graph.items(state)) : Pairs{};
}

std::string key_text(const Graph& graph, Ref key) {
  switch (graph.kind(key)) {
    case Kind::Text:
    case Kind::ByteString:
    case Kind::Bytes:
      return utf8_of(graph.text(key));
    case Kind::Int:
      return std::to_string(graph.integer(key));
    case Kind::Bool:
      return graph.truth(key) ? "True" : "False";
    case Kind::None:
      return "None";
    default:
      return "?";
  }
}

std::optional<Ref> value_of(const Graph& graph, const Pairs& pairs, std::string_view key) {
  std::optional<Ref> found;
  for (const auto& [k, value] : pairs)
    if (graph.is_string(k) && graph.text(k) == key) found = value;
  return found;
}

}  // namespace fledge::torch_file
