// fledge bench: how fast whole networks train and embed here, beside PyTorch, and what each kernel has to do with it.
#include <memory>

#include "apps/bench/bench.h"
#include "apps/cli/signals.h"
#include "apps/verbs/verbs.h"
#include "train/spec/words.h"

namespace fledge {

Verb bench_verb() {
  Verb verb("bench", "Time training steps and inference of whole networks, beside PyTorch and kernel by kernel.",
            "  fledge bench --threads 1\n"
            "  fledge bench train:mobilenet_v1:0.25:32 infer:resnet18:8 --against torch --python peer/bin/python\n"
            "  fledge bench --device cuda --precision tf32 --against torch\n"
            "  fledge bench distill:resnet101:resnet18:128 --device cuda --precision bf16 --kernels\n"
            "  fledge bench train:resnet18:8 --kernels --json\n",
            true);
  verb.footer =
      "Cases: infer:ARCH[:WIDTH]:BATCH, train:ARCH[:WIDTH]:BATCH, distill:TEACHER[:WIDTH]:STUDENT[:WIDTH]:BATCH; "
      "random "
      "weights,\n  pictures and targets lie where they are computed on. A case that needs too much memory is a row "
      "that "
      "says so.\n" +
      verb.footer;
  Fields& f = verb.fields;
  auto o = std::make_shared<bench::BenchOptions>();
  f.add_positional("cases", o->cases, "what to time; none: the cases of the device").repeatable = true;
  f.group("Measuring");
  f.add("size", o->size, "side of the pictures in pixels").between(8, 4096);
  f.add("seconds", o->seconds, "time for a case, in each round (at least three measurements)").between(0.0, 3600.0);
  f.add("rounds", o->rounds, "fledge and PyTorch take turns so often; the better median of each counts")
      .between(1, 100);
  add_choice(f, "step-graph", o->step_graph,
             "on a GPU: auto: the training step is recorded once and replayed, as in training; off");
  f.add_switch("kernels", o->kernels,
               "also every kernel above 1 % of the step: time, arithmetic, traffic, share of its roofline");
  f.group("PyTorch");
  f.add("against", o->against, "torch: the same cases in PyTorch").one_of({"", "torch"});
  f.add("python", o->python, "a Python with torch and torchvision");
  f.add("forms", o->forms,
        "how PyTorch runs, the fastest counts: on a GPU eager, compile, reduce-overhead, max-autotune; on the "
        "CPU nchw, nhwc, compile; empty: the first two");
  f.group("Output");
  f.add_switch("json", o->json, "one JSON object");
  f.group("");
  f.add("child", o->child, "for its own processes").one_of({"", "machine", "time", "strict", "kernels"});
  bind_machine(f, o->machine);
  verb.run = [o](const Verb&, const std::string&) {
    let_signals_end();
    return bench::run_bench(*o);
  };
  return verb;
}

}  // namespace fledge
