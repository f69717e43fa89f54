#include "io/torch/walk.h"

#include <set>
#include <string_view>
#include <unordered_set>

#include "io/torch/extent.h"
#include "io/torch/labels.h"
#include "io/torch/names.h"
#include "io/torch/shape_of_values.h"

namespace fledge::torch_file {
namespace {

using pickle::Graph;
using pickle::Kind;
using pickle::Ref;

constexpr std::size_t kMaxNames = std::size_t{32} << 20;  // bytes of all names
constexpr std::size_t kMaxWarnings = 100;

class Walker {
 public:
  Walker(const pickle::Source& source, const Graph& graph, const Rebuilder& rebuilder, WeightFile::Content& content)
      : source_(source), graph_(graph), rebuilder_(rebuilder), content_(content), extent_(source, graph, rebuilder) {}

  void run(Ref root) {
    extent_.measure(root);
    visit(root, "", 0);
    visit_rest(root, "", 0);
    check_names();
    check_output();
  }

  /// State dicts below the key "state_dict" give their own names.
  void unwrap_state_dict() {
    const std::string prefix = "state_dict.";
    std::unordered_set<std::string> names;
    bool unique = true;  // else keep what tells them apart
    for (StoredTensor& t : content_.tensors) {
      t.aside = !t.name.starts_with(prefix);
      unique &= names.insert(t.aside ? t.name : t.name.substr(prefix.size())).second;
    }
    if (!unique) return;
    for (StoredTensor& t : content_.tensors)
      if (!t.aside) t.name.erase(0, prefix.size());
  }

 private:
  /// The name of what a key leads to.
  std::string join(const std::string& path, Ref key, bool first) const {
    if (graph_.is_string(key) && graph_.text(key).size() > kMaxName) too_long();
    return join(path, key_text(graph_, key), first);
  }
  std::string join(const std::string& path, const std::string& part, bool first) const {
    if (path.size() + part.size() > kMaxName) too_long();
    return first ? part : path + "." + part;
  }
  [[noreturn]] void too_long() const { source_.refuse(0, "a tensor's name of more than 4,096 bytes, in the pickle"); }

  void spend_name(const std::string& name) {
    names_ += name.size();
    if (names_ > kMaxNames) source_.refuse(0, "names of more than 33,554,432 bytes in all, in the pickle");
  }

  void add(std::vector<StoredTensor>& to, Ref r, const std::string& name) {
    if (content_.tensors.size() + content_.others.size() >= kMaxTensors)
      source_.refuse(0, "more than 100,000 tensors in the pickle");
    spend_name(name);
    to.push_back(rebuilder_.tensor(r, name));
    listed_.insert(r);
  }

  void visit(Ref r, const std::string& path, int level, bool first = true) {
    if (extent_.holds(r) != Extent::Tensor) return;
    extent_.enter(level);
    if (rebuilder_.is_tensor(r)) return add(content_.tensors, r, path);
    extent_.spend(Extent::kContainer);
    if (const auto module = as_module(graph_, r)) return visit_module(*module, path, level, first);
    if (const auto pairs = as_dictionary(graph_, r)) return visit_dictionary(*pairs, path, level, first);
    if (const auto items = as_list(graph_, r)) {
      extent_.spend(items->size());
      for (std::size_t i = 0; i < items->size(); ++i)
        if (extent_.holds((*items)[i]) == Extent::Tensor)
          visit((*items)[i], join(path, std::to_string(i), first), level + 1, false);
    }
  }

  void visit_dictionary(const Pairs& pairs, const std::string& path, int level, bool first) {
    const auto warn = [&](Ref key) {
      if (content_.info.warnings.size() < kMaxWarnings)
        content_.info.warnings.push_back("'" + join(path, key, first) + "' is there twice: the last one counts");
    };
    for (const auto& [key, value] : extent_.current(pairs, warn))
      if (extent_.holds(value) == Extent::Tensor) visit(value, join(path, key, first), level + 1, false);
  }

  /// In the order of PyTorch's state_dict().
  void visit_module(const ModuleView& module, const std::string& path, int level, bool first) {
    const auto own = [&](Ref key, Ref value) {
      if (rebuilder_.is_tensor(value)) add(content_.tensors, value, join(path, key, first));
    };
    extent_.spend(module.parameters.size() + module.buffers.size() + module.children.size() + module.attributes.size() +
                  module.non_persistent.size());
    for (const auto& [key, value] : module.parameters) own(key, value);
    for (const auto& [key, value] : module.buffers)
      if (!extent_.is_hidden(module, key)) own(key, value);
    for (const auto& [key, child] : module.children) note_layer(child, join(path, key, first));
    for (const auto& [key, child] : module.children) visit(child, join(path, key, first), level + 1, false);
  }

  /// Layers without tensors too: an activation's class is told by nothing else.
  void note_layer(Ref r, const std::string& path) {
    const auto module = as_module(graph_, r);
    if (!module) return;
    extent_.spend(1 + module->attributes.size());
    LayerAttributes layer;
    const std::string name = dotted_name(graph_, r);
    layer.kind = name.substr(name.rfind('.') + 1);
    const auto number = [&](const char* attribute) -> std::optional<std::int64_t> {
      const auto value = value_of(graph_, module->attributes, attribute);
      if (!value) return std::nullopt;
      const auto items = graph_.items(*value);
      const Ref one = items.empty() ? *value : items[0];
      return graph_.kind(one) == Kind::Int ? std::optional(graph_.integer(one)) : std::nullopt;
    };
    layer.stride = number("stride");
    layer.padding = number("padding");
    if (const auto eps = value_of(graph_, module->attributes, "eps"); eps && graph_.kind(*eps) == Kind::Float)
      layer.eps = graph_.real(*eps);
    spend_name(path + layer.kind);
    if (content_.info.layers.size() < kMaxTensors) content_.info.layers.emplace(path, std::move(layer));
  }

  /// What visit() left out: attributes, non-persistent buffers. Each value once, under the first path to it.
  void visit_rest(Ref r, const std::string& path, int level, bool first = true) {
    if (extent_.holds(r) == Extent::Nothing || !seen_.insert(r).second) return;
    extent_.enter(level);
    if (rebuilder_.is_tensor(r)) {
      if (!listed_.count(r)) add(content_.others, r, path);
      return;
    }
    const auto rest_of = [&](const Pairs& pairs) {
      for (const auto& [key, value] : extent_.current(pairs, [](Ref) {}))
        visit_rest(value, join(path, key, first), level + 1, false);
    };
    if (const auto module = as_module(graph_, r)) {
      for (const Pairs* pairs : {&module->parameters, &module->buffers, &module->children, &module->attributes})
        rest_of(*pairs);
      return;
    }
    const auto pairs = as_dictionary(graph_, r);
    rest_of(pairs ? *pairs : attributes_of(graph_, r));
    if (const auto items = as_list(graph_, r)) {
      extent_.spend(items->size());
      for (std::size_t i = 0; i < items->size(); ++i)
        if (extent_.holds((*items)[i]) != Extent::Nothing)
          visit_rest((*items)[i], join(path, std::to_string(i), first), level + 1, false);
    }
  }

  /// A key "a.b" beside {"a": {"b": ...}}: nobody could tell which one a name means.
  void check_names() const {
    std::unordered_set<std::string_view> names;
    for (const StoredTensor& t : content_.tensors)
      if (!names.insert(t.name).second) source_.refuse(0, "two tensors are named '" + t.name + "', in the pickle");
  }

  /// One float expanded to 2^40 elements is a few bytes in the file and a terabyte of output.
  void check_output() const {
    std::uint64_t stored = 0, output = 0;
    for (const Block& b : content_.blocks) stored += b.bytes;
    for (const auto* list : {&content_.tensors, &content_.others})
      for (const StoredTensor& t : *list) {
        const std::uint64_t bytes = static_cast<std::uint64_t>(t.numel()) * info_of(t.type).bytes;
        output = __builtin_add_overflow(output, bytes, &output) ? ~std::uint64_t{0} : output;
        if (output > 2 * stored + (std::uint64_t{16} << 20))
          source_.refuse(0, "its tensors would take more than twice the " + std::to_string(stored) +
                                " bytes of its storages (up to tensor '" + t.name + "'), in the pickle");
      }
  }

  const pickle::Source& source_;
  const Graph& graph_;
  const Rebuilder& rebuilder_;
  WeightFile::Content& content_;
  Extent extent_;
  std::unordered_set<Ref> listed_, seen_;
  std::size_t names_ = 0;
};

std::string root_class(const Graph& graph, Ref root, const Rebuilder& rebuilder) {
  if (rebuilder.is_tensor(root)) return "torch.Tensor";
  switch (graph.kind(root)) {
    case Kind::Dict:
      return "dict";
    case Kind::List:
      return "list";
    case Kind::Tuple:
      return "tuple";
    case Kind::Object:
      return dotted_name(graph, root);
    default:
      return "a plain value";
  }
}

/// The names that the pickle mentions, and those among them without a meaning.
void list_names(const Graph& graph, WeightFile::Content& content) {
  std::set<std::string> all, unknown;
  if (!collect_names(graph, all, unknown)) content.refuse("the names in its pickle take more than 16,777,216 bytes");
  content.info.classes.assign(all.begin(), all.end());
  content.info.unknown.assign(unknown.begin(), unknown.end());
}

}  // namespace

void walk(const pickle::Source& source, const Graph& graph, Ref root, const Rebuilder& rebuilder,
          WeightFile::Content& content) {
  Walker walker(source, graph, rebuilder, content);
  walker.run(root);
  const auto top = as_dictionary(graph, root);
  if (top && value_of(graph, *top, "state_dict")) walker.unwrap_state_dict();
  if (top) content.info.labels = labels_in(graph, *top);
  content.info.root = root_class(graph, root, rebuilder);
  list_names(graph, content);
}

}  // namespace fledge::torch_file
