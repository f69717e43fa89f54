// A function whose inside is not kept for backward but computed again (Chen et al. 2016, "Training Deep Nets with
// Sublinear Memory Cost"): memory for time.
#pragma once
#include <functional>

#include "autograd/variable.h"

namespace fledge {

/// f(x). Of the graph inside only x is kept; when the gradient arrives, f runs again and its graph takes the node's
/// place in the pass. Gradients are the same to the bit, those of leaves that f holds too. So f must compute the same
/// twice: it draws no random numbers, and what else it does besides its result it does not do while recomputing().
Variable recomputed(std::function<Variable(Variable)> f, const Variable& x);

/// While this lives and is on, convolutions do not keep an input that a batch norm made, but have it computed again
/// from what the norm keeps: one more pass of the norm for each, the same bits.
class RecomputeNorms {
 public:
  explicit RecomputeNorms(bool on);
  ~RecomputeNorms();
  RecomputeNorms(const RecomputeNorms&) = delete;
  RecomputeNorms& operator=(const RecomputeNorms&) = delete;

 private:
  bool before_;
};
bool recomputes_norms();

/// Whether this thread is in the second run of such a function: batch norm's running statistics stay as they are then.
bool recomputing();

}  // namespace fledge
