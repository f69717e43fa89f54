// fledge train: a network on its own - a teacher, or a student alone. fledge distill: a student that learns from a
// teacher.
#include <cstdio>
#include <memory>

#include "apps/common/config.h"
#include "apps/common/trainer.h"
#include "apps/verbs/verbs.h"

namespace fledge {
namespace {

RunVerb add_training_verb(CLI::App& app, const char* name, const char* summary, const char* examples, bool teacher) {
  CLI::App* verb = app.add_subcommand(name, summary);
  verb->footer(help_footer(examples));
  auto options = std::make_shared<TrainOptions>();
  add_config_flags(*verb);
  bind_training(*verb, *options, teacher);
  return [verb, options](const std::string& command) {
    if (print_config_if_asked(*verb)) return 0;
    return run_training(*options, resolved_config(*verb), command);
  };
}

}  // namespace

RunVerb add_train(CLI::App& app) {
  return add_training_verb(app, "train", "Train an embedding network on its own: a teacher, or a student alone.",
                           "  fledge train --preset fashion-mnist/teacher --run runs/teacher\n"
                           "  fledge train --train cars/train --test cars/test --arch mobilenet_v1 --width 0.25 "
                           "--epochs 15 --run runs/alone\n"
                           "  fledge train --config my.toml --run runs/my --resume auto\n",
                           false);
}

RunVerb add_distill(CLI::App& app) {
  return add_training_verb(
      app, "distill", "Train a student that learns from a teacher (Yu et al., CVPR 2019).",
      "  fledge distill --preset fashion-mnist/relative --teacher runs/teacher --run runs/relative\n"
      "  fledge distill --train cars/train --teacher runs/teacher --distill relative=0.3 --run runs/rel\n"
      "  fledge distill --config my.toml --teacher runs/teacher --distill absolute=1,relative=0.3 --run runs/both\n",
      true);
}

}  // namespace fledge
