#include "io/torch/names.h"

#include <map>
#include <utility>

#include "io/utf8.h"

namespace fledge::torch_file {
namespace {

using Name = std::pair<std::string_view, std::string_view>;

/// Exact pairs: no case folding, no stripping, no dotted tails.
const std::map<Name, Meaning>& fixed_names() {
  static const std::map<Name, Meaning> names = {
      {{"collections", "OrderedDict"}, Meaning::OrderedDict},
      {{"__builtin__", "set"}, Meaning::Set},
      {{"builtins", "set"}, Meaning::Set},
      {{"__builtin__", "frozenset"}, Meaning::Set},
      {{"builtins", "frozenset"}, Meaning::Set},
      {{"__builtin__", "object"}, Meaning::Object},
      {{"builtins", "object"}, Meaning::Object},
      {{"copy_reg", "_reconstructor"}, Meaning::Reconstruct},
      {{"copyreg", "_reconstructor"}, Meaning::Reconstruct},
      {{"copy_reg", "__newobj__"}, Meaning::NewObject},
      {{"copyreg", "__newobj__"}, Meaning::NewObject},
      {{"torch._utils", "_rebuild_tensor"}, Meaning::RebuildTensor},
      {{"torch._utils", "_rebuild_tensor_v2"}, Meaning::RebuildTensor},
      {{"torch._utils", "_rebuild_tensor_v3"}, Meaning::RebuildTensorV3},
      {{"torch._utils", "_rebuild_parameter"}, Meaning::RebuildParameter},
      {{"torch._utils", "_rebuild_parameter_with_state"}, Meaning::RebuildParameter},
      {{"torch._tensor", "_rebuild_from_type_v2"}, Meaning::RebuildFromType},
      {{"torch.nn.parameter", "Parameter"}, Meaning::Parameter},
      {{"torch.autograd.variable", "Variable"}, Meaning::Parameter},
      {{"torch", "Tensor"}, Meaning::Tensor},
      {{"torch", "Size"}, Meaning::Size},
      {{"torch.storage", "UntypedStorage"}, Meaning::UntypedStorage},
      {{"torch.storage", "_UntypedStorage"}, Meaning::UntypedStorage},
      {{"torch", "UntypedStorage"}, Meaning::UntypedStorage},
  };
  return names;
}

std::optional<ElementType> element_of_class(std::string_view name) {
  if (name.ends_with("Storage")) return element_of_storage(name);
  if (!name.ends_with("Tensor")) return std::nullopt;
  return element_of_storage(std::string(name.substr(0, name.size() - 6)) + "Storage");
}

}  // namespace

Meaning meaning_of(std::string_view module, std::string_view name) {
  const auto it = fixed_names().find({module, name});
  if (it != fixed_names().end()) return it->second;
  if (module == "torch" || module == "torch.cuda") {
    if (element_of_class(name)) return name.ends_with("Storage") ? Meaning::Storage : Meaning::Tensor;
    if (module == "torch" && element_named(name)) return Meaning::DType;
  }
  return Meaning::Unknown;
}

Meaning meaning_of(const pickle::Graph& graph, pickle::Ref ref) {
  if (graph.kind(ref) != pickle::Kind::Global) return Meaning::Unknown;
  return meaning_of(graph.module_of(ref), graph.name_of(ref));
}

pickle::Ref class_made(const pickle::Graph& graph, pickle::Ref object) {
  const pickle::Ref callee = graph.class_of(object), arguments = graph.arguments(object);
  const Meaning meaning = meaning_of(graph, callee);
  const bool names_class = meaning == Meaning::Reconstruct || meaning == Meaning::NewObject;
  return names_class && graph.tuple_size(arguments) > 0 ? graph.tuple_item(arguments, 0) : callee;
}

std::optional<ElementType> element_of(const pickle::Graph& graph, pickle::Ref global) {
  const Meaning meaning = meaning_of(graph, global);
  if (meaning == Meaning::DType) return element_named(graph.name_of(global));
  if (meaning == Meaning::Storage || meaning == Meaning::Tensor) return element_of_class(graph.name_of(global));
  return std::nullopt;
}

std::string utf8_of(std::string_view bytes) {
  if (is_utf8(bytes)) return std::string(bytes);
  std::string text;
  for (const unsigned char c : bytes) append_utf8(text, c);
  return text;
}

std::string dotted_name(const pickle::Graph& graph, pickle::Ref ref) {
  for (int hops = 0; hops < 8; ++hops) {
    if (graph.kind(ref) == pickle::Kind::Global)
      return utf8_of(graph.module_of(ref)) + "." + utf8_of(graph.name_of(ref));
    if (graph.kind(ref) == pickle::Kind::PersistentId) {
      const pickle::Ref id = graph.items(ref)[0];
      if (graph.tuple_size(id) == 0) return "?";
      // ('module', class, file, source), or the tar's (class, file, source)
      ref = graph.tuple_item(id, graph.tuple_size(id) == 4 ? 1 : 0);
    } else if (graph.kind(ref) == pickle::Kind::Object) {
      ref = class_made(graph, ref);
    } else {
      return "?";
    }
  }
  return "?";
}

bool collect_names(const pickle::Graph& graph, std::set<std::string>& all, std::set<std::string>& unknown) {
  constexpr std::size_t kMost = std::size_t{16} << 20;
  std::size_t total = 0;
  for (const auto& mention : graph.globals()) {
    const std::string name = dotted_name(graph, mention.ref);
    if (all.insert(name).second && (total += name.size()) > kMost) return false;
    if (meaning_of(graph, mention.ref) == Meaning::Unknown) unknown.insert(name);
  }
  return true;
}

}  // namespace fledge::torch_file
