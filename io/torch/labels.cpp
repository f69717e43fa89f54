#include "io/torch/labels.h"

#include "io/torch/names.h"

namespace fledge::torch_file {

using pickle::Graph;
using pickle::Kind;

namespace {

/// Labels may be one long text, named again and again: such lists are left alone.
bool fits(const Graph& graph, pickle::Ref label, std::size_t& total) {
  constexpr std::size_t kMost = std::size_t{8} << 20;
  if (!graph.is_string(label)) return false;
  total += graph.text(label).size();
  return total <= kMost;
}

}  // namespace

std::vector<std::string> labels_in(const Graph& graph, const Pairs& checkpoint) {
  for (const char* key : {"classes", "class_names", "labels"}) {
    const auto value = value_of(graph, checkpoint, key);
    const auto items = value ? as_list(graph, *value) : std::nullopt;
    if (!items || items->empty()) continue;
    std::vector<std::string> labels;
    std::size_t total = 0;
    for (const pickle::Ref item : *items)
      if (fits(graph, item, total)) labels.push_back(utf8_of(graph.text(item)));
    if (labels.size() == items->size()) return labels;
  }
  const auto numbers = value_of(graph, checkpoint, "class_to_idx");
  const auto pairs = numbers ? as_dictionary(graph, *numbers) : std::nullopt;
  if (!pairs) return {};
  std::vector<std::string> labels(pairs->size());
  std::vector<bool> known(pairs->size(), false);
  std::size_t total = 0;
  for (const auto& [name, number] : *pairs) {
    if (!fits(graph, name, total) || graph.kind(number) != Kind::Int) return {};
    const std::int64_t n = graph.integer(number);
    if (n < 0 || n >= static_cast<std::int64_t>(labels.size()) || known[n]) return {};
    labels[n] = utf8_of(graph.text(name));
    known[n] = true;
  }
  return labels;
}

}  // namespace fledge::torch_file
