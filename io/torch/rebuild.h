// Which values of a pickle are tensors, and what each says of its place in a storage: the meaning of PyTorch's rebuild
// functions, without calling any.
#pragma once
#include <functional>
#include <optional>
#include <string>

#include "io/torch/storages.h"

namespace fledge::torch_file {

/// Finds the storage behind a persistent id (stacked, zip) or the whole tensor (tar).
struct TensorSource {
  std::function<std::optional<StorageView>(pickle::Ref id)> storage;
  std::function<const StoredTensor*(pickle::Ref id)> tensor = {};  // null for others; no function but in tar files
};

class Rebuilder {
 public:
  Rebuilder(const pickle::Source& source, const pickle::Graph& graph, TensorSource tensors)
      : source_(source), graph_(graph), find_(std::move(tensors)) {}

  /// Is the value a tensor, a Parameter or Variable around one? Says nothing about whether it is a sound one.
  bool is_tensor(pickle::Ref r) const { return core(r) != pickle::kNoRef; }
  /// Errors (BadInput), with the byte: arguments of another form, sizes or strides that are negative or too large, the
  /// last element outside the storage.
  StoredTensor tensor(pickle::Ref r, const std::string& name) const;

 private:
  pickle::Ref core(pickle::Ref r) const;
  StoredTensor from_arguments(const std::vector<pickle::Ref>& arguments, std::optional<ElementType> type,
                              const std::string& name, std::uint64_t at) const;
  std::vector<std::int64_t> counts(pickle::Ref r, const std::string& what, std::uint64_t at) const;
  std::int64_t count(pickle::Ref r, const std::string& what, std::uint64_t at) const;

  const pickle::Source& source_;
  const pickle::Graph& graph_;
  TensorSource find_;
};

/// Shape, strides and offset against a storage of `numel` elements; empty when all lies inside, else what is wrong.
/// The product of the sizes, times the element's bytes, fits 63 bits.
std::string check_bounds(const StoredTensor& tensor, std::uint64_t numel);

}  // namespace fledge::torch_file
