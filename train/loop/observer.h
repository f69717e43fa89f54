// What a run tells those who watch it: the log (train/run/run_log.h), the progress bar of the command line, a test.
// Whoever watches changes nothing; an exception of its own ends the run.
#pragma once
#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fledge {

using Numbers = std::vector<std::pair<std::string, double>>;

/// An epoch begins, or goes on after `pictures_done` of its pictures.
struct EpochStart {
  std::int64_t epoch = 1, epochs = 1;  // from 1, of how many
  std::int64_t pictures = 0, pictures_done = 0;
};

/// A step was made and applied.
struct StepDone {
  std::int64_t step = 1, epoch = 1;  // from 1
  const Numbers& numbers;  // "loss", each loss by its name and its numbers ("triplet.active"), "embedding_rank"
  double lr = 0, grad_norm = 0;
  std::int64_t pictures_done = 0;             // of the epoch
  const std::map<std::string, double>& sums;  // of the numbers, over the epoch's applied steps
  std::int64_t applied = 1;                   // how many these are
};

struct EpochDone {
  std::int64_t step = 0, epoch = 1;
  double seconds = 0, images_per_second = 0;
  std::int64_t skipped_steps = 0;                  // not applied (--on-nan)
  Numbers means;                                   // over the applied steps
  std::optional<std::size_t> unreadable_pictures;  // of the run so far; where such are skipped
};

/// Retrieval was measured.
struct Measured {
  std::string set;  // "validation" or "eval"
  std::int64_t step = 0, epoch = 0;
  const nlohmann::json& metrics;
};

struct Warning {
  std::int64_t step = 0;
  std::string text;
};

/// A training picture that cannot be read, told once: another one stands in.
struct PictureSkipped {
  std::int64_t step = 1, epoch = 1;
  std::string name, reason;
};

/// A step or a state that is not finite, and what becomes of it.
struct NotFinite {
  std::int64_t step = 0, epoch = 1;
  std::string what;
  enum class Action { Stop, Skip, Rollback } action = Action::Stop;
  std::vector<std::string> pictures;  // of the batch; none: found between steps
};

class RunObserver {
 public:
  virtual ~RunObserver() = default;
  virtual void epoch_started(const EpochStart&) {}
  virtual void step_done(const StepDone&) {}
  virtual void epoch_left() {}  // its steps end here, done or stopped
  virtual void epoch_done(const EpochDone&) {}
  virtual void measuring(const std::string& /*what*/, std::int64_t /*done*/, std::int64_t /*of*/) {}
  virtual void measured(const Measured&) {}
  virtual void warned(const Warning&) {}
  virtual void picture_skipped(const PictureSkipped&) {}
  virtual void not_finite(const NotFinite&) {}
  /// For people only: no log holds it. `detail`: not worth saying to who wants it quiet.
  virtual void said(const std::string& /*text*/, bool /*detail*/) {}
};

}  // namespace fledge
