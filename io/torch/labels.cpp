#include "io/torch/labels.h"

#include "io/torch/names.h"

namespace fledge::torch_file {

using pickle::Graph;
using pickle::Kind;

std::vector<std::string> labels_in(const Graph& graph, const Pairs& checkpoint) {
  for (const char* key : {"classes", "class_names", "labels"}) {
    const auto value = value_of(graph, checkpoint, key);
    const auto items = value ? as_list(graph, *value) : std::nullopt;
    if (!items || items->empty()) continue;
    std::vector<std::string> labels;
    for (const pickle::Ref item : *items)
      if (graph.is_string(item)) labels.push_back(utf8_of(graph.text(item)));
    if (labels.size() == items->size()) return labels;
  }
  const auto numbers = value_of(graph, checkpoint, "class_to_idx");
  const auto pairs = numbers ? as_dictionary(graph, *numbers) : std::nullopt;
  if (!pairs) return {};
  std::vector<std::string> labels(pairs->size());
  std::vector<bool> known(pairs->size(), false);
  for (const auto& [name, number] : *pairs) {
    if (!graph.is_string(name) || graph.kind(number) != Kind::Int) return {};
    const std::int64_t n = graph.integer(number);
    if (n < 0 || n >= static_cast<std::int64_t>(labels.size()) || known[n]) return {};
    labels[n] = utf8_of(graph.text(name));
    known[n] = true;
  }
  return labels;
}

}  // namespace fledge::torch_file
