#include "nn/models/backbone.h"

#include "autograd/grad_mode.h"
#include "autograd/recompute.h"

namespace fledge {

namespace {

template <class Images>
Variable all_blocks(const Backbone& backbone, const Images& images, std::vector<Variable>* feature_maps) {
  Variable y = backbone.run_first(images);
  if (feature_maps && backbone.blocks().front().ends_stage) feature_maps->push_back(y);
  return backbone.run(1, backbone.blocks().size(), std::move(y), feature_maps);
}

}  // namespace

Variable Backbone::forward(const Variable& images, std::vector<Variable>* feature_maps) const {
  return all_blocks(*this, images, feature_maps);
}

Variable Backbone::forward(const StoredPictures& pictures, std::vector<Variable>* feature_maps) const {
  return all_blocks(*this, pictures, feature_maps);
}

Variable Backbone::run_first(const Variable& images) const { return run_block(0, images); }

Variable Backbone::run_first(const StoredPictures& pictures) const {
  return reads_pictures() ? of_pictures_(pictures) : run_first(Variable(normalized(pictures)));
}

Tensor Backbone::normalized(const StoredPictures& pictures) const {
  const auto all = parameters();
  return pictures.normalized(all.empty() ? DType::Float32 : all.front().value().dtype());
}

Variable Backbone::run(std::size_t first, std::size_t end, Variable x, std::vector<Variable>* feature_maps) const {
  for (std::size_t i = first; i < end; ++i) {
    x = run_block(i, std::move(x));
    if (feature_maps && blocks_[i].ends_stage) feature_maps->push_back(x);
  }
  return x;
}

Variable Backbone::run_block(std::size_t i, Variable x) const {
  const auto& forward = blocks_[i].forward;
  return checkpoints_ == Checkpoints::Blocks && is_training() && grad_enabled() ? recomputed(forward, x)
                                                                                : forward(std::move(x));
}

std::vector<std::int64_t> Backbone::feature_map_channels() const {
  std::vector<std::int64_t> channels;
  for (const BackboneBlock& block : blocks_)
    if (block.ends_stage) channels.push_back(block.channels);
  return channels;
}

}  // namespace fledge
