// log.jsonl as an observer of the run: one JSON object a line for each event.
#pragma once
#include "train/loop/observer.h"
#include "train/run/run_folder.h"

namespace fledge {

class RunLog : public RunObserver {
 public:
  explicit RunLog(RunFolder& run) : run_(run) {}
  void step_done(const StepDone& e) override;
  void epoch_done(const EpochDone& e) override;
  void measured(const Measured& e) override;
  void warned(const Warning& e) override;
  void picture_skipped(const PictureSkipped& e) override;
  void not_finite(const NotFinite& e) override;

 private:
  RunFolder& run_;
};

}  // namespace fledge
