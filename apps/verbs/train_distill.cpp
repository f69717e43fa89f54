// fledge train: a network on its own - a teacher, or a student alone.
// fledge distill: a student that learns from a teacher.
#include <cstdio>
#include <memory>
#include <utility>

#include "apps/cli/run_console.h"
#include "apps/verbs/verbs.h"
#include "train/evaluation/metrics_text.h"
#include "train/run_training.h"
#include "train/spec/config_text.h"
#include "train/spec/options.h"

namespace fledge {
namespace {

std::string with_seed(std::string text, const std::string& seed) {
  const std::string place = "{seed}";
  for (std::size_t at; (at = text.find(place)) != std::string::npos;) text.replace(at, place.size(), seed);
  return text;
}

/// One run; the metrics it ended with come into `rows`. The exit code.
int run_one(const RunSpec& spec, const std::string& config, const std::string& command, std::vector<MetricsRow>& rows) {
  RunConsole console(spec.machine.quiet);
  const RunOutcome outcome = run_training(spec, console, config, command);
  if (outcome.signal) return 128 + outcome.signal;
  if (!outcome.metrics) return 0;
  rows.push_back({spec.policy.folder, *outcome.metrics});
  std::fputs(metrics_table({rows.back()}).c_str(), stdout);
  return 0;
}

/// RUN-0, RUN-1, ...: each a run like any other, that could have been started by itself. Then their mean and spread.
int run_seeds(const RunSpec& options, const Fields& said, const std::string& command) {
  std::vector<MetricsRow> rows;
  for (const std::uint64_t seed : parse_seeds(options.policy.seeds)) {
    const std::string text = std::to_string(seed);
    RunSpec one = options;
    one.policy.seed = seed;
    one.policy.seeds.clear();
    one.policy.folder = options.policy.folder + "-" + text;
    one.loss.teacher = with_seed(options.loss.teacher, text);
    one.loss.teacher_cache = with_seed(options.loss.teacher_cache, text);
    Fields own = said;  // everything else as the user wrote it
    for (const auto& [key, value] : {std::pair<const char*, std::string>{"seed", text},
                                     {"seeds", ""},
                                     {"run", one.policy.folder},
                                     {"teacher", one.loss.teacher},
                                     {"teacher-cache", one.loss.teacher_cache}})
      own.say(key, value);
    if (!options.machine.quiet) std::fprintf(stderr, "== seed %s: %s\n", text.c_str(), one.policy.folder.c_str());
    if (const int code = run_one(one, config_text(own), command, rows)) return code;
  }
  if (!rows.empty()) std::fputs(spread_table(rows).c_str(), stdout);
  return 0;
}

Verb training_verb(const char* name, const char* summary, const char* examples, bool teacher) {
  Verb verb(name, summary, examples, true);
  auto options = std::make_shared<RunSpec>();
  bind_training(verb.fields, *options, teacher);
  verb.run = [options](const Verb& chosen, const std::string& command) {
    std::vector<MetricsRow> rows;
    return options->policy.seeds.empty() ? run_one(*options, config_text(chosen.fields), command, rows)
                                         : run_seeds(*options, chosen.fields, command);
  };
  return verb;
}

}  // namespace

Verb train_verb() {
  return training_verb("train", "Train an embedding network on its own: a teacher, or a student alone.",
                       "  fledge train --preset fashion-mnist/teacher --run runs/teacher\n"
                       "  fledge train --train cars/train --test cars/test --arch mobilenet_v1 --width 0.25 "
                       "--epochs 15 --run runs/alone\n"
                       "  fledge train --config my.toml --run runs/my --resume auto\n",
                       false);
}

Verb distill_verb() {
  return training_verb(
      "distill", "Train a student that learns from a teacher (Yu et al., CVPR 2019).",
      "  fledge distill --preset fashion-mnist/relative --teacher runs/teacher --run runs/relative\n"
      "  fledge distill --train cars/train --teacher runs/teacher --distill relative=0.3 --run runs/rel\n"
      "  fledge distill --config my.toml --teacher runs/teacher-{seed} --distill absolute=1,relative=0.3 --seeds 0,1,2 "
      "--run runs/both\n",
      true);
}

}  // namespace fledge
