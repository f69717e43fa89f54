#include "io/torch/rebuild.h"

#include <algorithm>

#include "base/printable.h"
#include "io/torch/names.h"

namespace fledge::torch_file {
namespace {

using pickle::Kind;
using pickle::kNoRef;
using pickle::Ref;

constexpr std::size_t kMaxAxes = 8, kMaxArguments = 16;

}  // namespace

std::string check_bounds(const StoredTensor& t, std::uint64_t numel) {
  if (t.shape.size() != t.strides.size())
    return "has " + std::to_string(t.shape.size()) + " sizes but " + std::to_string(t.strides.size()) + " strides";
  if (t.shape.size() > kMaxAxes) return "has " + std::to_string(t.shape.size()) + " axes; 8 is the most";
  std::int64_t bytes = info_of(t.type).bytes, last = t.offset;  // sizes of 0 count as 1: strides cannot overflow either
  bool empty = false;
  if (t.offset < 0) return "begins at the negative offset " + std::to_string(t.offset);
  for (std::size_t i = 0; i < t.shape.size(); ++i) {
    const std::int64_t size = t.shape[i], stride = t.strides[i];
    if (size < 0 || stride < 0)
      return "has a negative size or stride: sizes " + list_text(t.shape) + ", strides " + list_text(t.strides);
    empty |= size == 0;
    std::int64_t step = 0;
    if (__builtin_mul_overflow(bytes, std::max<std::int64_t>(size, 1), &bytes) ||
        __builtin_mul_overflow(std::max<std::int64_t>(size, 1) - 1, stride, &step) ||
        __builtin_add_overflow(last, step, &last))
      return "has the impossible shape " + list_text(t.shape) + " with strides " + list_text(t.strides);
  }
  if (empty && static_cast<std::uint64_t>(t.offset) > numel)
    return "begins at element " + std::to_string(t.offset) + " of a storage of " + std::to_string(numel);
  if (!empty && static_cast<std::uint64_t>(last) >= numel)
    return "reaches element " + std::to_string(last) + " of a storage of " + std::to_string(numel);
  return "";
}

/// The value that says where the numbers are, below Parameters and Variables: a call of a rebuild function, a tensor
/// class with its state, or (tar) a persistent id. kNoRef: no tensor.
Ref Rebuilder::core(Ref r) const {
  for (int layer = 0; layer < 8; ++layer) {
    if (graph_.kind(r) == Kind::PersistentId) return find_.tensor && find_.tensor(r) ? r : kNoRef;
    if (graph_.kind(r) != Kind::Object) return kNoRef;
    // Looked at in place: a file may give one huge tuple to thousands of calls.
    const Ref arguments = graph_.arguments(r);
    const bool called = graph_.tuple_size(arguments) > 0;
    const Ref made = class_made(graph_, r);
    const bool bare = made != graph_.class_of(r);
    switch (meaning_of(graph_, made)) {
      case Meaning::RebuildTensor:
      case Meaning::RebuildTensorV3:
      case Meaning::RebuildFromType:
        return r;
      case Meaning::Tensor:  // its state is (storage, offset, size, stride)
        return graph_.state(r) != kNoRef ? r : kNoRef;
      case Meaning::RebuildParameter:
        if (!called) return kNoRef;
        r = graph_.tuple_item(arguments, 0);
        break;
      case Meaning::Parameter: {
        // Called with its tensor; or, older, bare with a state of (data, creator, hooks, requires_grad, volatile).
        const Ref from = called && !bare ? arguments : graph_.state(r);
        if (from == kNoRef || graph_.tuple_size(from) == 0) return kNoRef;
        r = graph_.tuple_item(from, 0);
        break;
      }
      default:
        return kNoRef;
    }
  }
  return kNoRef;
}

StoredTensor Rebuilder::tensor(Ref r, const std::string& name) const {
  const Ref value = core(r);
  if (graph_.kind(value) == Kind::PersistentId) {
    StoredTensor t = *find_.tensor(value);
    t.name = name;
    return t;
  }
  const std::uint64_t at = graph_.position(value);
  if (graph_.tuple_size(graph_.arguments(value)) > kMaxArguments)
    source_.refuse(at, "tensor '" + name + "' is rebuilt from arguments of another form");
  auto arguments = graph_.items(graph_.arguments(value));
  Meaning meaning = meaning_of(graph_, graph_.class_of(value));
  if (meaning == Meaning::RebuildFromType) {  // (function, type, arguments, state)
    if (arguments.size() < 3 || graph_.kind(arguments[2]) != Kind::Tuple)
      source_.refuse(at, "tensor '" + name + "' is rebuilt from arguments of another form");
    meaning = meaning_of(graph_, arguments[0]);
    arguments = graph_.items(arguments[2]);
    if (meaning != Meaning::RebuildTensor && meaning != Meaning::RebuildTensorV3)
      source_.refuse(at, "tensor '" + name + "' is rebuilt by " + dotted_name(graph_, graph_.class_of(value)) +
                             " in a way that fledge does not know");
  }
  std::optional<ElementType> type;
  if (meaning == Meaning::RebuildTensorV3) {
    if (arguments.size() > 6) type = element_of(graph_, arguments[6]);
    if (!type)
      source_.refuse(at, "tensor '" + name + "' has the unsupported dtype " +
                             (arguments.size() > 6 ? dotted_name(graph_, arguments[6]) : "(none)"));
  } else if (meaning != Meaning::RebuildTensor) {
    arguments = graph_.items(graph_.state(value));  // a tensor class
  }
  const std::size_t metadata = meaning == Meaning::RebuildTensorV3 ? 7 : 6;
  if (arguments.size() > metadata && graph_.kind(arguments[metadata]) == Kind::Dict)
    for (const Ref flag : graph_.items(arguments[metadata]))
      if (graph_.kind(flag) == Kind::Bool && graph_.truth(flag))
        source_.refuse(at, "tensor '" + name + "' is a lazy conjugate or negative, which is not supported");
  return from_arguments(arguments, type, name, at);
}

StoredTensor Rebuilder::from_arguments(const std::vector<Ref>& arguments, std::optional<ElementType> type,
                                       const std::string& name, std::uint64_t at) const {
  const std::string what = "tensor '" + name + "'";
  if (arguments.size() < 4)
    source_.refuse(
        at, what + " has " + std::to_string(arguments.size()) + " of the four parts storage, offset, size, stride");
  const std::optional<StorageView> found =
      graph_.kind(arguments[0]) == Kind::PersistentId ? find_.storage(arguments[0]) : std::nullopt;
  if (!found) source_.refuse(at, what + " has something else in the place of its storage");
  const StorageView& view = *found;
  if (view.untyped && !type) source_.refuse(at, what + " lies in an untyped storage and brings no dtype");
  StoredTensor t;
  t.name = name;
  t.type = type.value_or(view.type);
  t.block = view.block;
  t.offset = count(arguments[1], what + ": offset", at);
  t.shape = counts(arguments[2], what + ": size", at);
  t.strides = counts(arguments[3], what + ": stride", at);
  // In elements of the tensor's own type; a view begins at a whole number of them.
  const std::uint64_t view_bytes = view.untyped ? 1 : info_of(view.type).bytes, item = info_of(t.type).bytes;
  const std::string problem = check_bounds(t, view.numel * view_bytes / item);
  if (!problem.empty()) source_.refuse(at, what + " " + problem);
  if (view.offset * view_bytes % item) source_.refuse(at, what + " begins inside an element of its storage");
  t.offset += static_cast<std::int64_t>(view.offset * view_bytes / item);
  return t;
}

std::int64_t Rebuilder::count(Ref r, const std::string& what, std::uint64_t at) const {
  if (graph_.kind(r) != Kind::Int) source_.refuse(at, what + " is no 64-bit whole number");
  return graph_.integer(r);
}

std::vector<std::int64_t> Rebuilder::counts(Ref r, const std::string& what, std::uint64_t at) const {
  if (graph_.kind(r) == Kind::Object && meaning_of(graph_, graph_.class_of(r)) == Meaning::Size) {
    const auto arguments = graph_.items(graph_.arguments(r));
    if (arguments.size() == 1) r = arguments[0];
  }
  if (graph_.kind(r) != Kind::Tuple && graph_.kind(r) != Kind::List) source_.refuse(at, what + " is no tuple");
  if (graph_.tuple_size(r) > 64) source_.refuse(at, what + " has more than 64 numbers");
  std::vector<std::int64_t> values;
  for (const Ref item : graph_.items(r)) values.push_back(count(item, what, at));
  return values;
}

}  // namespace fledge::torch_file
