// Loss: what it needs, what it returns, and the registry. The training loop reads the declaration and contains no
// if-chain.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "nn/models/model.h"
#include "nn/module.h"

namespace fledge {

struct LossNeeds {
  bool labels = false;
  bool teacher_embedding = false;
  bool student_stages = false, teacher_stages = false;
};

struct LossInput {
  const Features& student;
  Tensor labels;                      // N int64
  const Features* teacher = nullptr;  // frozen; no graph
};

struct LossOutput {
  Variable value;  // scalar
  std::vector<std::pair<std::string, double>>
      numbers;  // for the log: "active" (fraction), "mean_positive", "mean_negative", ...
};

class Loss : public Module {
 public:
  virtual const char* name() const = 0;
  virtual LossNeeds needs() const = 0;
  virtual LossOutput forward(const LossInput& input) const = 0;
};

/// What a factory may want to know besides its options.
struct LossSetup {
  std::int64_t classes = 0;    // training classes
  std::int64_t embedding = 0;  // student's
  std::int64_t teacher_embedding = 0;
  std::uint64_t seed = 0;
};
using LossOptions = std::map<std::string, std::string>;  // option name without dashes -> value, as on the command line

struct LossEntry {
  std::string summary;                                       // one line for --help
  std::vector<std::pair<std::string, std::string>> options;  // name, default
  std::function<std::shared_ptr<Loss>(const LossOptions&, const LossSetup&)> make;
};
/// "triplet", "triplet-hard", "softmax", "cosine-softmax", "absolute", "relative".
const std::map<std::string, LossEntry>& loss_registry();
/// Throws Error(Usage): unknown name (with suggestion), unknown option, bad value.
std::shared_ptr<Loss> make_loss(const std::string& name, const LossOptions& options, const LossSetup& setup);

}  // namespace fledge
