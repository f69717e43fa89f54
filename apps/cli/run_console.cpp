#include "apps/cli/run_console.h"

#include <fmt/format.h>

#include <cstdio>

#include "base/escape.h"

namespace fledge {

void RunConsole::epoch_started(const EpochStart& e) {
  bar_.emplace(fmt::format("epoch {:>2}/{}", e.epoch, e.epochs), e.pictures, quiet_, e.pictures_done);
}

/// Beside the bar: means of the epoch so far.
void RunConsole::step_done(const StepDone& e) {
  if (quiet_) return;
  std::string note;
  for (const auto& [name, sum] : e.sums)
    if (name.find("mean_") == std::string::npos && name != "embedding_rank")
      note += fmt::format("{}{} {:.4g}", note.empty() ? "" : "  ", name, sum / static_cast<double>(e.applied));
  bar_->update(e.pictures_done, note);
}

void RunConsole::measuring(const std::string& what, std::int64_t done, std::int64_t of) {
  if (!bar_) bar_.emplace(what, of, quiet_);
  bar_->update(done);
  if (done == of) bar_.reset();
}

void RunConsole::warn(const std::string& text) {
  std::fprintf(stderr, "%swarning: %s\n", bar_ ? "\n" : "", text.c_str());
}

void RunConsole::warned(const Warning& e) { warn(e.text); }

void RunConsole::picture_skipped(const PictureSkipped& e) {
  warn("skipped, another picture stands in: " + shown(e.reason));
}

void RunConsole::not_finite(const NotFinite& e) {
  if (e.action == NotFinite::Action::Stop) return;  // the error says it
  const bool back = e.action == NotFinite::Action::Rollback;
  if (e.pictures.empty()) return warn(fmt::format("after step {} {}; back to the last checkpoint", e.step, e.what));
  warn(fmt::format("step {}: {}; {}", e.step, e.what,
                   back ? "back to the last checkpoint, and on behind this batch" : "it is left out"));
}

void RunConsole::said(const std::string& text, bool detail) {
  if (!(quiet_ && detail)) std::fprintf(stderr, "%s\n", text.c_str());
}

}  // namespace fledge
