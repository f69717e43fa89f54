// The options of a loss: what a command line says, and the reader that checks it.
#pragma once
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace fledge {

using LossOptions = std::map<std::string, std::string>;  // option name without dashes -> value, as on the command line
using OptionDefaults = std::vector<std::pair<std::string, std::string>>;  // name, default

/// Values of options, checked. Every name must be declared: make_loss() fills in the defaults. Errors (Usage) name
/// loss, option and value.
class OptionReader {
 public:
  OptionReader(std::string loss, LossOptions options) : loss_(std::move(loss)), options_(std::move(options)) {}
  /// The loss that is being made.
  const std::string& loss() const { return loss_; }
  const std::string& text(const std::string& name) const;
  /// A number in [low, high].
  double number(const std::string& name, double low, double high = HUGE_VAL) const;
  std::int64_t whole_number(const std::string& name, std::int64_t low, std::int64_t high) const;
  /// The position of the value among `choices`.
  int choice(const std::string& name, const std::vector<std::string>& choices) const;
  /// on/off, true/false, yes/no, 1/0.
  bool flag(const std::string& name) const;
  /// Error(Usage): "loss NAME: option is 'value'; it must be `expected`".
  [[noreturn]] void refuse(const std::string& name, const std::string& expected) const;

 private:
  std::string loss_;
  LossOptions options_;
};

}  // namespace fledge
