#include "train/run_training.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/escape.h"
#include "io/file.h"
#include "io/folder.h"
#include "io/json_file.h"
#include "nn/metrics/metrics_json.h"
#include "train/loop/trainer.h"
#include "train/run/run_folder.h"
#include "train/spec/config_text.h"
#include "train/spec/words.h"

namespace fledge {

static RunOutcome run(const RunSpec& spec, RunObserver& observer, const Compute& compute, const std::string& config,
                      const std::string& command) {
  parse_counts(spec.policy.recall_at, "--recall-at");
  // First: what is wrong with pictures, weights or losses leaves no run folder behind.
  Trainer trainer(spec, compute);
  RunFolder run(spec.policy.folder, config, spec.policy.resume != Resume::Never, spec.policy.resume_allow_change);
  trainer.use(run);
  trainer.watch(observer);
  const std::string gpu = describe(compute, spec.machine);
  if (!gpu.empty()) observer.said("gpu: " + gpu, true);
  for (const auto& note : trainer.setup().notes) observer.said(shown(note), !note.starts_with("warning: "));
  trainer.resume();
  RunOutcome outcome;
  if (trainer.finished()) {
    observer.said(spec.policy.folder + " is complete", false);
  } else {
    write_file_atomic(run.file("run.json"), run_json(config, command, trainer.setup().train->description(), gpu));
    if ((outcome.signal = trainer.train())) return outcome;
  }
  if (const std::string file = run.file("metrics.json"); kind_of(file) != PathKind::Absent)
    outcome.metrics = metrics_from_json(read_json_object(file));
  return outcome;
}

RunOutcome run_training(const RunSpec& spec, RunObserver& observer, std::string config, const std::string& command) {
  if (config.empty()) config = config_text(spec);
  if (spec.machine.precision == RunPrecision::Int16 || spec.machine.precision == RunPrecision::Int8)
    throw Error(ErrorKind::Usage, "",
                "--precision " + word(spec.machine.precision) + ": a network does not learn in whole numbers",
                "use f32 or bf16; a teacher may have --teacher-precision " + word(spec.machine.precision));
  const Compute compute = apply(spec.machine);
  products_of(spec.loss.teacher_precision, compute);  // a combination that cannot be is said first
  apply(spec.data.pictures);
  try {
    return run(spec, observer, compute, config, command);
  } catch (const Error& e) {
    if (!out_of_gpu_memory(e)) throw;
    const std::string place = fmt::format(" (batch size {}, {} px)", spec.data.batch_size, spec.views.size);
    throw Error(e.kind(), e.op(), e.problem() + place, e.hint());
  }
}

}  // namespace fledge
