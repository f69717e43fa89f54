// Applying a NameMap to the names of a file.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "nn/import/import.h"

namespace fledge::importing {

/// A name for a message, in quotes: names come from a file that anyone can have made, so they are kept short and
/// without control characters.
std::string quoted(const std::string& name);

/// A tensor of the file, and the name under which it is looked at.
struct Source {
  const NamedShape* tensor = nullptr;
  std::string name;      // after the map
  bool dropped = false;  // by the map

  const std::vector<std::int64_t>& shape() const { return tensor->shape; }
  /// "'base.conv1.weight'", or "'stem.weight' (mapped to 'conv1.weight')".
  std::string shown() const;
};

/// `idle`: where given, receives the entries that drop and match no tensor: what is not there is as good as dropped.
/// Errors (Usage): an entry that renames and matches no tensor.
std::vector<Source> apply_name_map(const std::vector<NamedShape>& tensors, const NameMap& map,
                                   std::vector<std::string>* idle = nullptr);

/// The name of a module without tensors after the map's prefixes; none: dropped.
std::optional<std::string> mapped_module(const std::string& name, const NameMap& map);

}  // namespace fledge::importing
