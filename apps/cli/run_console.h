// A training run as people see it on stderr: a progress bar, and what there is to say between its lines.
#pragma once
#include <optional>

#include "apps/cli/progress.h"
#include "train/loop/observer.h"

namespace fledge {

class RunConsole : public RunObserver {
 public:
  explicit RunConsole(bool quiet) : quiet_(quiet) {}
  void epoch_started(const EpochStart& e) override;
  void step_done(const StepDone& e) override;
  void epoch_left() override { bar_.reset(); }
  void measuring(const std::string& what, std::int64_t done, std::int64_t of) override;
  void warned(const Warning& e) override;
  void picture_skipped(const PictureSkipped& e) override;
  void not_finite(const NotFinite& e) override;
  void said(const std::string& text, bool detail) override;

 private:
  void warn(const std::string& text);

  const bool quiet_;
  std::optional<Progress> bar_;
};

}  // namespace fledge
