// The storages that a pickle names by persistent ids, and where the container keeps them.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "io/pickle/reader.h"
#include "io/weights/content.h"
#include "io/weights/element_type.h"

namespace fledge::torch_file {

/// A storage as a tensor sees it: a block, or a stretch of one.
struct StorageView {
  std::size_t block = 0;
  ElementType type = ElementType::F32;
  bool untyped = false;      // counted in bytes; the tensor brings its type
  std::uint64_t numel = 0;   // of the stretch; bytes when untyped
  std::uint64_t offset = 0;  // where it begins in the block, in elements (bytes when untyped)
};

/// ('storage', type, key, location, numel[, view]) ids of stacked and zip files. The location is not looked at: all
/// storages come to the CPU.
class StorageTable {
 public:
  struct Entry {
    std::string key;
    ElementType type = ElementType::F32;
    bool untyped = false;
    std::uint64_t numel = 0;
    std::uint64_t at = 0;  // byte of its first mention
    std::size_t block = 0;
    bool placed = false;
    std::uint64_t bytes() const { return numel * (untyped ? 1 : info_of(type).bytes); }
  };

  /// Takes in every persistent id of the graph, used or not. Errors (BadInput): ids of another form, a numel that is
  /// negative or whose bytes overflow, one key with two sizes or types, a view outside its root.
  void take(const pickle::Source& source, const pickle::Graph& graph);
  std::map<std::string, Entry>& entries() { return entries_; }
  /// Of a persistent id that take() has seen; none when it is a class, not a storage.
  std::optional<StorageView> find(pickle::Ref id) const;

 private:
  void take_storage(const pickle::Source& source, const pickle::Graph& graph, const pickle::Graph::Mention& id);
  struct Use {
    const Entry* entry;
    std::uint64_t numel, offset;
  };
  std::map<std::string, Entry> entries_;
  std::map<pickle::Ref, Use> uses_;
};

}  // namespace fledge::torch_file
