#include "io/torch/walk.h"

#include <algorithm>
#include <functional>
#include <set>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "io/torch/labels.h"
#include "io/torch/names.h"
#include "io/torch/shape_of_values.h"

namespace fledge::torch_file {
namespace {

using pickle::Graph;
using pickle::Kind;
using pickle::Ref;

constexpr std::size_t kMaxTensors = 100'000;
constexpr int kMaxLevels = 256;
constexpr std::size_t kMaxNames = std::size_t{32} << 20;  // bytes of all names
constexpr std::size_t kMaxWarnings = 100;
// Values looked at. A pickle has at most 2,000,000, each looked at a few times; one that names the same large value
// again and again, or nests the same value twice in itself forty times, would have more.
constexpr std::uint64_t kMaxWork = 16'000'000;

class Walker {
 public:
  Walker(const pickle::Source& source, const Graph& graph, const Rebuilder& rebuilder, WeightFile::Content& content)
      : source_(source),
        graph_(graph),
        rebuilder_(rebuilder),
        content_(content),
        holds_(graph.size(), Holds::Unknown) {}

  void run(Ref root) {
    holds(root, 0);
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
  enum class Holds : std::uint8_t { Unknown, Asked, Nothing, Aside, Tensor };  // Aside: in attributes only

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

  void spend(std::uint64_t values) {
    work_ += values;
    if (work_ > kMaxWork) source_.refuse(0, "an object that unfolds to more than 16,000,000 values, in the pickle");
  }
  void spend_name(const std::string& name) {
    names_ += name.size();
    if (names_ > kMaxNames) source_.refuse(0, "names of more than 33,554,432 bytes in all, in the pickle");
  }

  /// Is there a tensor in or below the value, and is it where a state dict would have it? Each value is asked once, so
  /// that shared ones cost nothing: what 90 bytes of DUP and TUPLE2 unfold to is never unfolded.
  Holds holds(Ref r, int level) {
    if (holds_[r] != Holds::Unknown) return holds_[r];  // Asked: it contains itself
    if (level > 4 * kMaxLevels) source_.refuse(0, "values nested too deep in the pickle");
    holds_[r] = Holds::Asked;
    Holds found = rebuilder_.is_tensor(r) ? Holds::Tensor : Holds::Nothing;
    if (found == Holds::Nothing) {
      const auto module = as_module(graph_, r);
      const std::vector<Ref> children = module ? module_values(*module) : container_values(r);
      const Pairs attributes = attributes_of(graph_, r);
      spend(children.size() + attributes.size() + (module ? module->non_persistent.size() : 0));
      if (graph_.kind(r) == Kind::Object) spend(arguments_looked_at(r));
      for (const Ref child : children) {
        const Holds below = holds(child, level + 1);
        if (below == Holds::Tensor || below == Holds::Aside) found = std::max(found, below);
      }
      for (const auto& pair : attributes) {
        const Holds below = holds(pair.second, level + 1);
        if (below == Holds::Tensor || below == Holds::Aside) found = std::max(found, Holds::Aside);
      }
    }
    return holds_[r] = found;
  }

  /// What is copied to see what an object is: its arguments, and the items of a single one.
  std::size_t arguments_looked_at(Ref r) const {
    const std::size_t count = graph_.tuple_size(graph_.arguments(r));
    return count == 1 ? 1 + graph_.items(graph_.tuple_item(graph_.arguments(r), 0)).size() : count;
  }

  std::vector<Ref> container_values(Ref r) const {
    std::vector<Ref> all;
    if (const auto pairs = as_dictionary(graph_, r))
      for (const auto& pair : *pairs) all.push_back(pair.second);
    if (const auto items = as_list(graph_, r)) all.insert(all.end(), items->begin(), items->end());
    return all;
  }

  std::vector<Ref> module_values(const ModuleView& module) const {
    std::vector<Ref> all;
    for (const auto& pair : module.parameters) all.push_back(pair.second);
    for (const auto& [key, value] : module.buffers)
      if (!is_hidden(module, key)) all.push_back(value);
    for (const auto& pair : module.children) all.push_back(pair.second);
    return all;
  }

  bool is_hidden(const ModuleView& module, Ref key) const {
    if (module.non_persistent.empty() || (graph_.is_string(key) && graph_.text(key).size() > kMaxName)) return false;
    return std::binary_search(module.non_persistent.begin(), module.non_persistent.end(), key_text(graph_, key));
  }

  void add(std::vector<StoredTensor>& to, Ref r, const std::string& name) {
    if (content_.tensors.size() + content_.others.size() >= kMaxTensors)
      source_.refuse(0, "more than 100,000 tensors in the pickle");
    spend_name(name);
    to.push_back(rebuilder_.tensor(r, name));
    listed_.insert(r);
  }

  void enter(int level) const {
    if (level > kMaxLevels)
      source_.refuse(0, "a container that contains itself, or more than 256 levels, in the pickle");
  }

  void visit(Ref r, const std::string& path, int level, bool first = true) {
    if (holds_[r] != Holds::Tensor) return;
    enter(level);
    if (rebuilder_.is_tensor(r)) return add(content_.tensors, r, path);
    spend(64);  // a container costs more than its values: copies, a table of its keys
    if (const auto module = as_module(graph_, r)) return visit_module(*module, path, level, first);
    if (const auto pairs = as_dictionary(graph_, r)) return visit_dictionary(*pairs, path, level, first);
    if (const auto items = as_list(graph_, r)) {
      spend(items->size());
      for (std::size_t i = 0; i < items->size(); ++i)
        if (holds_[(*items)[i]] == Holds::Tensor)
          visit((*items)[i], join(path, std::to_string(i), first), level + 1, false);
    }
  }

  /// Of equal keys the last one counts, as in Python: the pairs that do, without those whose value holds no tensor.
  /// `overwritten` is told the others.
  Pairs current(const Pairs& pairs, const std::function<void(Ref key)>& overwritten) {
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
      else if (holds_[pairs[i].second] != Holds::Nothing)
        all.push_back(pairs[i]);
    }
    return all;
  }

  void visit_dictionary(const Pairs& pairs, const std::string& path, int level, bool first) {
    const auto warn = [&](Ref key) {
      if (content_.info.warnings.size() < kMaxWarnings)
        content_.info.warnings.push_back("'" + join(path, key, first) + "' is there twice: the last one counts");
    };
    for (const auto& [key, value] : current(pairs, warn))
      if (holds_[value] == Holds::Tensor) visit(value, join(path, key, first), level + 1, false);
  }

  /// In the order of PyTorch's state_dict().
  void visit_module(const ModuleView& module, const std::string& path, int level, bool first) {
    const auto own = [&](Ref key, Ref value) {
      if (rebuilder_.is_tensor(value)) add(content_.tensors, value, join(path, key, first));
    };
    spend(module.parameters.size() + module.buffers.size() + module.children.size() + module.attributes.size() +
          module.non_persistent.size());
    for (const auto& [key, value] : module.parameters) own(key, value);
    for (const auto& [key, value] : module.buffers)
      if (!is_hidden(module, key)) own(key, value);
    for (const auto& [key, child] : module.children) note_layer(child, join(path, key, first));
    for (const auto& [key, child] : module.children) visit(child, join(path, key, first), level + 1, false);
  }

  /// Layers without tensors too: an activation's class is told by nothing else.
  void note_layer(Ref r, const std::string& path) {
    const auto module = as_module(graph_, r);
    if (!module) return;
    spend(1 + module->attributes.size());
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
    if (holds_[r] == Holds::Nothing || !seen_.insert(r).second) return;
    enter(level);
    if (rebuilder_.is_tensor(r)) {
      if (!listed_.count(r)) add(content_.others, r, path);
      return;
    }
    const auto rest_of = [&](const Pairs& pairs) {
      for (const auto& [key, value] : current(pairs, [](Ref) {}))
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
      spend(items->size());
      for (std::size_t i = 0; i < items->size(); ++i)
        if (holds_[(*items)[i]] != Holds::Nothing)
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
  std::vector<Holds> holds_;
  std::unordered_set<Ref> listed_, seen_;
  std::uint64_t work_ = 0;
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
