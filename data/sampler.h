// Batches of P classes x K images (Hermans et al. 2017), and the plain order for evaluation.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace fledge {

/// One picture of a batch. `occurrence` counts repeats of the same picture inside the
/// epoch, so that they are augmented differently.
struct SampleRef {
  std::int64_t index = 0;
  std::int64_t occurrence = 0;
};
using BatchRefs = std::vector<SampleRef>;

struct PKSamplerOptions {
  std::int64_t batch_size = 32;
  std::int64_t images_per_class = 8;   // K; (batch_size - unlabelled_per_batch) / K = P must be whole
  std::int64_t batches_per_epoch = 0;  // 0: images it draws from / batch_size, whole (at least 1); else so many
  std::uint64_t seed = 0;
  std::int64_t unlabeled_per_batch = 0;      // of the batch_size so many pictures without a label, the last ones
  std::int64_t super_classes_per_batch = 0;  // draw the classes of a batch from so many super-classes; 0: from all
  bool repeat_small_classes = true;  // false: a class below K gives what it has (Park et al. 2019): smaller batches
};

/// The batches of an epoch are a pure function of (seed, epoch). Classes are drawn without replacement until used up,
/// then reshuffled; inside a class images are drawn without replacement until used up when it has at least K, else all
/// of them plus repeats.
/// With super_classes_per_batch = S a batch's P classes are P / S of each of S super-classes, as for the 12 kinds of
/// goods of Stanford Online Products. A super-class is drawn as often as it has classes, without replacement until all
/// are used up: every class is seen about equally often, unless one super-class holds more than 1 / S of them.
/// With unlabelled_per_batch = M pictures without a label are drawn without replacement until used up, by random
/// numbers of their own. With M = 0 they are left out.
/// Errors (Usage): batch - M not divisible by K (names the nearest that are), fewer classes than P; no picture without
/// a label; no super-classes, fewer than S, P not divisible by S, a super-class of fewer than P / S classes.
/// Warning list: classes with one image.
class PKSampler {
 public:
  PKSampler(const Dataset& dataset, const PKSamplerOptions& options);
  std::int64_t batches_per_epoch() const { return batches_; }
  std::vector<BatchRefs> epoch(std::int64_t epoch) const;
  /// Hash of the order of an epoch, for checkpoints.
  std::uint64_t order_hash(std::int64_t epoch) const;
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  void take_super_classes(const Dataset& dataset);

  std::vector<std::vector<std::int64_t>> by_class_;
  std::vector<std::vector<std::int64_t>> by_super_class_;  // places in by_class_; empty: classes are drawn from all
  std::vector<std::int64_t> unlabeled_;
  PKSamplerOptions options_;
  std::int64_t batches_ = 0;
  std::vector<std::string> warnings_;
};

/// All images in order, the last batch smaller.
std::vector<BatchRefs> sequential_batches(std::int64_t size, std::int64_t batch_size);

}  // namespace fledge
