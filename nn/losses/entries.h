// The registry's rows, one function per family of losses, and the reader of options they share. Private to nn/losses/.
#pragma once
#include <string>
#include <vector>

#include "nn/losses/loss.h"

namespace fledge {

using LossEntries = std::vector<std::pair<std::string, LossEntry>>;
LossEntries triplet_entries();            // pairs/
LossEntries pair_entries();               // pairs/: contrastive, multi-similarity, n-pair, nt-xent, supcon
LossEntries margin_entries();             // pairs/: margin with distance-weighted sampling
LossEntries memory_entries();             // pairs/: cross-batch memory
LossEntries classification_entries();     // classes/: softmax, cosine-softmax
LossEntries angular_margin_entries();     // classes/: arcface, cosface
LossEntries proxy_entries();              // classes/: proxy-nca, proxy-anchor
LossEntries absolute_relative_entries();  // teacher/
LossEntries rkd_entries();                // teacher/: rkd-distance, rkd-angle
LossEntries ranking_entries();            // teacher/: darkrank
LossEntries similarity_entries();         // teacher/: pkt, relaxed-contrastive
LossEntries stage_entries();              // teacher/: hints, attention

/// Values of options, checked. Every name must be there: make_loss() fills in the defaults.
/// Errors (Usage) name loss, option and value.
class OptionReader {
 public:
  OptionReader(std::string loss, const LossOptions& options) : loss_(std::move(loss)), options_(options) {}
  /// A number in [low, high].
  double number(const std::string& name, double low, double high) const;
  /// The position of the value among `choices`.
  int choice(const std::string& name, const std::vector<std::string>& choices) const;
  /// on/off, true/false, yes/no, 1/0.
  bool flag(const std::string& name) const;

 private:
  const std::string& text(const std::string& name) const;
  [[noreturn]] void refuse(const std::string& name, const std::string& expected) const;
  std::string loss_;
  const LossOptions& options_;
};

/// Throws Error(Usage) unless labels is int64 with one label per row of the N,D embedding.
void check_labels(const char* op, const Tensor& embedding, const Tensor& labels);

}  // namespace fledge
