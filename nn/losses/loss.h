// Loss: what it needs, what it returns, and the registry. The training loop
// reads the declaration and contains no if-chain.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "nn/losses/logged_number.h"
#include "nn/losses/option_reader.h"
#include "nn/models/model.h"
#include "nn/module.h"

namespace fledge {

struct LossNeeds {
  bool labels = false;
  bool teacher_embedding = false;
  bool student_stages = false, teacher_stages = false;
};

struct LossInput {
  const ModelOutput& student;
  Tensor labels;  // N int64, where the features are; for losses that need labels only rows with one are there
  const ModelOutput* teacher = nullptr;  // frozen; no graph; the same pictures, row by row
  std::int64_t step = 0;                 // of the run: what a loss draws at random is a function of (seed, step)
};

struct LossOutput {
  Variable value;       // scalar
  LossNumbers numbers;  // for the log: "active" (fraction), "mean_positive", "mean_negative", ...
};

class Loss : public Module {
 public:
  virtual const char* name() const = 0;
  virtual LossNeeds needs() const = 0;
  virtual LossOutput forward(const LossInput& input) const = 0;
  /// Forward and backward consist of tensor ops alone, on whatever device the features are, and never wait for it: such
  /// a loss can be part of a recorded step (its parameters must be there too). The others are given features and labels
  /// on the CPU, wherever their parameters are.
  virtual bool runs_on_device() const { return false; }
  /// Called once after each optimiser step that this loss took part in, with the same input: a loss that remembers
  /// (cross-batch memory) does it here, in buffers, so that a checkpoint holds it and forward() has no side effect.
  virtual void after_step(const LossInput&) {}
};

/// What a factory may want to know besides its options.
struct LossSetup {
  std::int64_t classes = 0;    // training classes
  std::int64_t embedding = 0;  // student's
  std::int64_t teacher_embedding = 0;
  std::vector<std::int64_t> student_stages, teacher_stages;  // channels of the stage maps, shallow to deep
  std::uint64_t seed = 0;
};

enum class LossKind { Metric, Teacher };  // for --loss; for --distill

struct LossEntry {
  std::string name;  // in small letters, digits and dashes
  LossKind kind = LossKind::Metric;
  std::string summary;     // one line for --help
  OptionDefaults options;  // flags of the command line
  std::function<std::shared_ptr<Loss>(const OptionReader&, const LossSetup&)> make;
};
/// All losses by name: nn/losses/README.md lists them. An option's name means the same in every loss that declares it.
const std::map<std::string, LossEntry>& loss_registry();
/// Adds a loss of a program's own. Call it before the command line is read: --loss, --distill, --help and the flags of
/// options are made from the registry. Not while other threads use the registry.
/// Errors (Usage): a name that is there already or is no name, an option that another loss has with another default.
void register_loss(LossEntry entry);
/// Throws Error(Usage): unknown name (with suggestion), unknown option, bad value.
std::shared_ptr<Loss> make_loss(const std::string& name, const LossOptions& options, const LossSetup& setup);

}  // namespace fledge
