// The names in PyTorch's pickles that fledge gives a meaning to. Everything else is listed and otherwise ignored.
#pragma once
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "io/pickle/graph.h"
#include "io/weights/element_type.h"

namespace fledge::torch_file {

enum class Meaning {
  Unknown,
  OrderedDict,
  Set,
  Object,            // object, of which copy_reg._reconstructor makes an instance
  Reconstruct,       // copy_reg._reconstructor(class, object, None)
  NewObject,         // copy_reg.__newobj__(class)
  RebuildTensor,     // (storage, offset, size, stride), version 2: (..., requires_grad, hooks[, metadata])
  RebuildTensorV3,   // the same, with the dtype behind the hooks: the storage is untyped
  RebuildParameter,  // (tensor, requires_grad, hooks)
  RebuildFromType,   // (function, type, arguments, state): a tensor with attributes
  Parameter,         // torch.nn.parameter.Parameter, and Variable before 0.4
  Tensor,            // torch.FloatTensor and its kin: a class of the tar files
  Storage,           // torch.FloatStorage and its kin
  UntypedStorage,    // counted in bytes
  Size,
  DType,  // torch.uint16
};

Meaning meaning_of(std::string_view module, std::string_view name);
Meaning meaning_of(const pickle::Graph& graph, pickle::Ref ref);  // Unknown for what is no Global

/// What an Object is one of: the class that copy_reg's functions are given first, else what is called.
pickle::Ref class_made(const pickle::Graph& graph, pickle::Ref object);

/// Element type of torch.FloatStorage, torch.cuda.FloatStorage, torch.FloatTensor, torch.float32.
std::optional<ElementType> element_of(const pickle::Graph& graph, pickle::Ref global);

/// "module.name" of a Global, of the class inside a ('module', class, file, source) id, or of what an object calls.
std::string dotted_name(const pickle::Graph& graph, pickle::Ref ref);

/// All names that the graph mentions, and those among them without a meaning.
/// False when they would take more than 16 MiB: STACK_GLOBAL makes a name of 4,000 letters with three opcodes.
bool collect_names(const pickle::Graph& graph, std::set<std::string>& all, std::set<std::string>& unknown);

/// Text of any kind of string as UTF-8: bytes that are none are taken as Latin-1.
std::string utf8_of(std::string_view bytes);

}  // namespace fledge::torch_file
