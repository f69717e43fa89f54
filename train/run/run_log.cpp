#include "train/run/run_log.h"

#include <nlohmann/json.hpp>

#include "io/json_file.h"

namespace fledge {

using nlohmann::json;

void RunLog::step_done(const StepDone& e) {
  json line{{"type", "step"}, {"step", e.step}, {"epoch", e.epoch}, {"lr", e.lr}, {"grad_norm", e.grad_norm}};
  for (const auto& [name, value] : e.numbers) line[name] = value;
  run_.log(json_text(line));
}

void RunLog::epoch_done(const EpochDone& e) {
  json line{{"type", "epoch"},
            {"step", e.step},
            {"epoch", e.epoch},
            {"seconds", e.seconds},
            {"images_per_second", e.images_per_second}};
  if (e.skipped_steps > 0) line["skipped_steps"] = e.skipped_steps;
  for (const auto& [name, mean] : e.means) line[name] = mean;
  if (e.unreadable_pictures) line["unreadable_pictures"] = *e.unreadable_pictures;
  run_.log(json_text(line));
}

void RunLog::measured(const Measured& e) {
  json line = e.metrics;
  line.update({{"type", e.set}, {"step", e.step}, {"epoch", e.epoch}});
  run_.log(json_text(line));
}

void RunLog::warned(const Warning& e) {
  run_.log(json_text(json{{"type", "warning"}, {"step", e.step}, {"text", e.text}}));
}

void RunLog::picture_skipped(const PictureSkipped& e) {
  run_.log(json_text(
      json{{"type", "skipped"}, {"step", e.step}, {"epoch", e.epoch}, {"picture", e.name}, {"reason", e.reason}}));
}

void RunLog::not_finite(const NotFinite& e) {
  const char* actions[] = {"stop", "skip", "rollback"};
  json line{{"type", "not_finite"},
            {"step", e.step},
            {"epoch", e.epoch},
            {"what", e.what},
            {"action", actions[static_cast<int>(e.action)]}};
  if (!e.pictures.empty()) line["pictures"] = e.pictures;
  run_.log(json_text(line));
}

}  // namespace fledge
