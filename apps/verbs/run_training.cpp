#include "apps/verbs/run_training.h"

#include <fmt/format.h>

#include <cstdio>

#include "apps/cli/signals.h"
#include "base/error.h"
#include "base/escape.h"
#include "io/file.h"
#include "train/evaluation/evaluate.h"
#include "train/evaluation/metrics_text.h"
#include "train/loop/trainer.h"
#include "train/run/run_folder.h"

namespace fledge {

static int run(const RunSpec& options, const Compute& compute, const std::string& config, const std::string& command) {
  parse_counts(options.policy.recall_at, "--recall-at");
  watch_signals();
  // First: what is wrong with pictures, weights or losses leaves no run folder behind.
  Trainer trainer(options, compute);
  RunFolder run(options.policy.folder, config, options.policy.resume != Resume::Never,
                options.policy.resume_allow_change);
  trainer.use(run);
  const std::string gpu = describe(compute, options.machine);
  if (!options.machine.quiet && !gpu.empty()) std::fprintf(stderr, "gpu: %s\n", gpu.c_str());
  for (const auto& note : trainer.setup().notes)
    if (!options.machine.quiet || note.starts_with("warning: ")) std::fprintf(stderr, "%s\n", shown(note).c_str());
  trainer.resume();
  if (trainer.finished()) {
    std::fprintf(stderr, "%s is complete\n", options.policy.folder.c_str());
  } else {
    write_file_atomic(run.file("run.json"), run_json(config, command, trainer.setup().train->description(), gpu));
    if (const int signal = trainer.train()) return 128 + signal;
  }
  if (const auto text = read_file_if_there(run.file("metrics.json")))
    std::fputs(metrics_table({{options.policy.folder, std::string(text->begin(), text->end())}}).c_str(), stdout);
  return 0;
}

int run_training(const RunSpec& options, const std::string& config, const std::string& command) {
  const Compute compute = apply(options.machine);
  apply(options.data.pictures);
  try {
    return run(options, compute, config, command);
  } catch (const Error& e) {
    if (!out_of_gpu_memory(e)) throw;
    const std::string place = fmt::format(" (batch size {}, {} px)", options.data.batch_size, options.views.size);
    throw Error(e.kind(), e.op(), e.problem() + place, e.hint());
  }
}

}  // namespace fledge
