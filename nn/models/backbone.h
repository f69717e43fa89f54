// Backbone: blocks that run one after the other, from pictures to the last feature map.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "kernels/api/conv.h"
#include "kernels/api/pool.h"
#include "nn/module.h"
#include "tensor/ops/image.h"

namespace fledge {

/// What training keeps for the backward pass of a backbone; the rest is computed again there, with the same bits.
enum class Checkpoints : unsigned char {
  Off,     // all that backward reads
  Norms,   // not the outputs of batch norms that convolutions read
  Blocks,  // no more than the inputs of blocks
};

struct BackboneBlock {
  std::function<Variable(Variable)> forward;
  std::int64_t weights;     // how many it reads
  std::int64_t channels;    // of its output
  int stride = 1;           // how many times as high as its output its input is
  bool ends_stage = false;  // its output is a stage map
};

/// A network appends its blocks when it is made, at least one. The first reads pictures N,3,H,W.
class Backbone : public Module {
 public:
  /// images: N,3,H,W -> the last feature map; those after each stage are appended to `feature_maps` when it is not
  /// null.
  Variable forward(const Variable& images, std::vector<Variable>* feature_maps) const;
  /// The same of pictures that are still bytes, with the same bits. In evaluation the first block may read them as they
  /// are; else they are normalized first, to the weights' dtype.
  Variable forward(const StoredPictures& pictures, std::vector<Variable>* feature_maps) const;

  /// Whether the first block may read bytes as they are; else forward() takes normalized().
  bool reads_pictures() const { return of_pictures_ && !is_training(); }
  /// Numbers of the weights' dtype.
  Tensor normalized(const StoredPictures& pictures) const;

  std::span<const BackboneBlock> blocks() const { return blocks_; }
  /// The first block, of numbers or of bytes; and the blocks `first` to `end` (without it) one after the other.
  Variable run_first(const Variable& images) const;
  Variable run_first(const StoredPictures& pictures) const;
  Variable run(std::size_t first, std::size_t end, Variable x, std::vector<Variable>* feature_maps = nullptr) const;

  std::int64_t feature_size() const { return blocks_.back().channels; }
  std::vector<std::int64_t> feature_map_channels() const;
  /// Of all activations inside.
  virtual Activation activation() const { return Activation::ReLU; }
  /// The max pool behind the first convolution; none: there is no such.
  virtual std::optional<Pool2dParams> stem_pool() const { return std::nullopt; }

  /// Less memory for more time (autograd/recompute.h).
  void checkpoint_activations(Checkpoints which) { checkpoints_ = which; }
  Checkpoints checkpoints() const { return checkpoints_; }

 protected:
  void append(BackboneBlock block) { blocks_.push_back(std::move(block)); }
  /// The first block, of bytes, in evaluation, with or without a graph: the bits that `forward` gives for the
  /// normalized ones.
  void read_pictures_by(std::function<Variable(const StoredPictures&)> first) { of_pictures_ = std::move(first); }

 private:
  /// blocks()[i] of x; with Checkpoints::Blocks nothing inside is kept.
  Variable run_block(std::size_t i, Variable x) const;

  std::vector<BackboneBlock> blocks_;
  std::function<Variable(const StoredPictures&)> of_pictures_;
  Checkpoints checkpoints_ = Checkpoints::Off;
};

}  // namespace fledge
