// How far a pickle's object reaches: which values hold tensors, and how many names they would unfold to. A value that
// is named twice by a value that is named twice ... has 2^40 names in a few thousand bytes: they are counted, each
// value once, before the first one is spelled. Private to io/torch.
#pragma once
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

#include "io/torch/rebuild.h"
#include "io/torch/shape_of_values.h"

namespace fledge::torch_file {

constexpr std::size_t kMaxTensors = 100'000;

class Extent {
 public:
  enum Holds : std::uint8_t { Unknown, Asked, Nothing, Aside, Tensor };  // Aside: in attributes only

  Extent(const pickle::Source& source, const pickle::Graph& graph, const Rebuilder& rebuilder)
      : source_(source), graph_(graph), rebuilder_(rebuilder), holds_(graph.size(), Unknown) {}

  /// Looks at everything below the root, each value once.
  /// Errors (BadInput): values nested too deep; more tensors, or more values on the way to them, than are unfolded.
  void measure(pickle::Ref root);

  /// Is there a tensor in or below the value, and is it where a state dict would have it? After measure().
  Holds holds(pickle::Ref r) const { return holds_[r]; }
  /// Of equal keys the last one counts, as in Python: the pairs that do, without those whose value holds no tensor.
  /// `overwritten` is told the others.
  Pairs current(const Pairs& pairs, const std::function<void(pickle::Ref key)>& overwritten);
  /// Is the buffer one that a state dict leaves out?
  bool is_hidden(const ModuleView& module, pickle::Ref key) const;

  /// Counts values that were looked at. Errors (BadInput): more than any sound file needs.
  void spend(std::uint64_t values);
  /// Errors (BadInput): `level` containers in one another are too many.
  void enter(int level) const;

  static constexpr std::uint64_t kContainer = 64;  // costs more than its values: copies, a table of its keys

 private:
  struct Unfolded {
    std::uint64_t tensors = 0, work = 0;
    void add(const Unfolded& below);
  };

  Holds find(pickle::Ref r, int level);
  Unfolded unfold(pickle::Ref r, int level);
  Unfolded unfold_container(pickle::Ref r, int level);
  std::size_t arguments_looked_at(pickle::Ref r) const;
  std::vector<pickle::Ref> container_values(pickle::Ref r) const;
  std::vector<pickle::Ref> module_values(const ModuleView& module) const;

  const pickle::Source& source_;
  const pickle::Graph& graph_;
  const Rebuilder& rebuilder_;
  std::vector<Holds> holds_;
  std::unordered_map<pickle::Ref, Unfolded> unfolded_;  // of containers with tensors
  std::uint64_t work_ = 0;
};

}  // namespace fledge::torch_file
