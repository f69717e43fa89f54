// fledge bench: how fast whole networks train and embed here, beside PyTorch, and what each kernel has to do with it.
#include <memory>

#include "apps/bench/bench.h"
#include "apps/common/config.h"
#include "apps/common/signals.h"
#include "apps/verbs/verbs.h"

namespace fledge {

RunVerb add_bench(CLI::App& app) {
  CLI::App* verb = app.add_subcommand(
      "bench", "Time training steps and inference of whole networks, beside PyTorch and kernel by kernel.");
  verb->footer(
      "Cases: infer:ARCH[:WIDTH]:BATCH, train:ARCH[:WIDTH]:BATCH, distill:TEACHER[:WIDTH]:STUDENT[:WIDTH]:BATCH; "
      "random "
      "weights,\n  pictures and targets lie where they are computed on. A case that needs too much memory is a row "
      "that "
      "says so.\n" +
      help_footer(
          "  fledge bench --threads 1\n"
          "  fledge bench train:mobilenet_v1:0.25:32 infer:resnet18:8 --against torch --python peer/bin/python\n"
          "  fledge bench --device cuda --precision tf32 --against torch\n"
          "  fledge bench distill:resnet101:resnet18:128 --device cuda --precision bf16 --kernels\n"
          "  fledge bench train:resnet18:8 --kernels --json\n"));
  auto o = std::make_shared<bench::BenchOptions>();
  add_config_flags(*verb);
  verb->add_option("cases", o->cases, "what to time; none: the cases of the device")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  verb->add_option("--size", o->size, "side of the pictures in pixels")->check(CLI::Range(8, 4096))->group("Measuring");
  verb->add_option("--seconds", o->seconds, "time for a case, in each round (at least three measurements)")
      ->check(CLI::Range(0.0, 3600.0))
      ->group("Measuring");
  verb->add_option("--rounds", o->rounds, "fledge and PyTorch take turns so often; the better median of each counts")
      ->check(CLI::Range(1, 100))
      ->group("Measuring");
  verb->add_option("--step-graph", o->step_graph,
                   "on a GPU: auto: the training step is recorded once and replayed, as in training; off")
      ->check(CLI::IsMember({"auto", "off"}))
      ->group("Measuring");
  verb->add_flag("--kernels", o->kernels,
                 "also every kernel above 1 % of the step: time, arithmetic, traffic, share of its roofline")
      ->group("Measuring");
  verb->add_option("--against", o->against, "torch: the same cases in PyTorch")
      ->check(CLI::IsMember({"", "torch"}))
      ->group("PyTorch");
  verb->add_option("--python", o->python, "a Python with torch and torchvision")->group("PyTorch");
  verb->add_option(
          "--forms", o->forms,
          "how PyTorch runs, the fastest counts: on a GPU eager, compile, reduce-overhead, max-autotune; on the "
          "CPU nchw, nhwc, compile; empty: the first two")
      ->group("PyTorch");
  verb->add_flag("--json", o->json, "one JSON object")->group("Output");
  verb->add_option("--child", o->child, "for its own processes")
      ->check(CLI::IsMember({"", "machine", "time", "strict", "kernels"}))
      ->group("");
  bind_machine(*verb, o->machine);
  return [verb, o](const std::string&) {
    if (print_config_if_asked(*verb)) return 0;
    let_signals_end();
    return bench::run_bench(*o);
  };
}

}  // namespace fledge
