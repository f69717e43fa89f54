// The registry's rows, one function per loss file, and the reader of options they share. Private to nn/losses/.
#pragma once
#include <string>
#include <vector>

#include "nn/losses/loss.h"

namespace fledge {

LossEntry triplet_entry();
LossEntry triplet_hard_entry();
LossEntry softmax_entry();
LossEntry cosine_softmax_entry();
LossEntry absolute_entry();
LossEntry relative_entry();

/// Values of options, checked. Every name must be there: make_loss() fills in the defaults. Errors (Usage) name loss,
/// option and value.
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
