// Classification over the training classes, to train a teacher. labels: N int64 in 0..classes-1.
#pragma once
#include "nn/losses/loss.h"

namespace fledge {

/// mean_i -log softmax(logits)[i, labels_i]    logits: N,classes
Variable cross_entropy(const Variable& logits, const Tensor& labels, double label_smoothing = 0);
/// Cosine softmax (Wang et al. 2017 "NormFace"): cross entropy of scale * cos(f_i, w_c). f: N,D  proxies: classes,D
/// (normalised inside)
Variable cosine_softmax(const Variable& f, const Variable& proxies, const Tensor& labels, double scale);

}  // namespace fledge
