#include "io/torch/storages.h"

#include <limits>

#include "io/torch/names.h"

namespace fledge::torch_file {
namespace {

using pickle::Graph;
using pickle::Kind;
using pickle::Ref;

constexpr std::size_t kMaxKey = 1024;  // keys are numbers; any id may be used again and again by three opcodes

std::uint64_t count_of(const pickle::Source& source, const Graph& graph, Ref r, std::uint64_t at, const char* what) {
  if (graph.kind(r) != Kind::Int) source.refuse(at, std::string(what) + " of a storage is no 64-bit whole number");
  if (graph.integer(r) < 0)
    source.refuse(at, std::string(what) + " of a storage is negative (" + std::to_string(graph.integer(r)) + ")");
  return static_cast<std::uint64_t>(graph.integer(r));
}

}  // namespace

void StorageTable::take(const pickle::Source& source, const Graph& graph) {
  for (const auto& id : graph.persistent_ids()) {
    const Ref tuple = graph.items(id.ref)[0];
    const auto parts = graph.items(tuple);
    const bool named = graph.kind(tuple) == Kind::Tuple && !parts.empty() && graph.is_string(parts[0]);
    const std::string kind = named ? std::string(graph.text(parts[0])) : "";
    if (kind == "module" && parts.size() == 4 &&
        (graph.kind(parts[1]) == Kind::Global || graph.kind(parts[1]) == Kind::Object))
      continue;
    if (kind != "storage" || parts.size() < 5 || parts.size() > 6)
      source.refuse(id.at, named ? "a persistent id of kind '" + utf8_of(kind.substr(0, 32)) + "' with " +
                                       std::to_string(parts.size()) + " parts, which PyTorch does not write"
                                 : "a persistent id that names no storage");
    take_storage(source, graph, id);
  }
}

void StorageTable::take_storage(const pickle::Source& source, const Graph& graph, const Graph::Mention& id) {
  const auto parts = graph.items(graph.items(id.ref)[0]);
  const Meaning meaning = meaning_of(graph, parts[1]);
  if (meaning != Meaning::Storage && meaning != Meaning::UntypedStorage) {
    const std::string name = dotted_name(graph, parts[1]);
    const bool quantized = name.find("torch.Q") == 0 || name.find("torch.quint") == 0;
    source.refuse(id.at, "a storage of type " + name + ", which " +
                             (quantized ? "is quantised and not supported" : "fledge does not know"));
  }
  if (!graph.is_string(parts[2])) source.refuse(id.at, "a storage whose key is no text");
  const std::string_view key = graph.text(parts[2]);
  if (key.size() > kMaxKey) source.refuse(id.at, "a storage whose key has " + std::to_string(key.size()) + " bytes");
  Entry e;
  e.key = std::string(key);
  e.untyped = meaning == Meaning::UntypedStorage;
  if (!e.untyped) e.type = *element_of(graph, parts[1]);
  e.numel = count_of(source, graph, parts[4], id.at, "the size");
  e.at = id.at;
  const std::uint64_t item = e.untyped ? 1 : info_of(e.type).bytes;
  if (e.numel > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / item)
    source.refuse(id.at, "a storage of " + std::to_string(e.numel) + " elements, which no memory holds");
  const auto [it, fresh] = entries_.emplace(e.key, e);
  if (!fresh && (it->second.numel != e.numel || it->second.type != e.type || it->second.untyped != e.untyped))
    source.refuse(id.at, "storage '" + utf8_of(e.key) + "' is named with two sizes or types");

  Use use{&it->second, e.numel, 0};
  if (parts.size() == 6 && graph.kind(parts[5]) != Kind::None) {  // (key of the view, offset, size), before PyTorch 0.4
    const auto view = graph.items(parts[5]);
    if (graph.kind(parts[5]) != Kind::Tuple || view.size() != 3)
      source.refuse(id.at, "storage '" + utf8_of(e.key) + "' has view metadata of another form");
    use.offset = count_of(source, graph, view[1], id.at, "the view offset");
    use.numel = count_of(source, graph, view[2], id.at, "the view size");
    if (use.offset > e.numel || use.numel > e.numel - use.offset)
      source.refuse(id.at, "a view of " + std::to_string(use.numel) + " elements at " + std::to_string(use.offset) +
                               " of storage '" + utf8_of(e.key) + "', which has " + std::to_string(e.numel));
  }
  uses_.emplace(id.ref, use);
}

std::optional<StorageView> StorageTable::find(Ref id) const {
  const auto use = uses_.find(id);
  if (use == uses_.end()) return std::nullopt;
  const Entry& e = *use->second.entry;
  return StorageView{e.block, e.type, e.untyped, use->second.numel, use->second.offset};
}

}  // namespace fledge::torch_file
