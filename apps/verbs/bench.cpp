// fledge bench: how fast whole networks train and embed here, beside other programs, and what each kernel has to do
// with it.
#include <memory>

#include "apps/bench/bench.h"
#include "apps/cli/output_files.h"
#include "apps/cli/signals.h"
#include "apps/verbs/verbs.h"
#include "train/spec/words.h"

namespace fledge {

Verb bench_verb() {
  Verb verb(
      "bench", "Time training steps and inference of whole networks, beside other programs and kernel by kernel.",
      "  fledge bench --threads 1\n"
      "  fledge bench train:mobilenet_v1:0.25:32 infer:resnet18:8 --against torch,onnxruntime --picture bars.svg\n"
      "  fledge bench --against all --python peers/bin/python\n"
      "  fledge bench --device cuda --precision tf32 --against torch,torch-compile\n"
      "  fledge bench distill:resnet101:resnet18:128 --device cuda --precision bf16 --kernels\n"
      "  fledge bench train:resnet18:8 --kernels --json\n",
      true);
  verb.footer =
      "Cases: infer:ARCH[:WIDTH]:BATCH, train:ARCH[:WIDTH]:BATCH, distill:TEACHER[:WIDTH]:STUDENT[:WIDTH]:BATCH, "
      "start:ARCH[:WIDTH]\n  (a process, from its start to its first embedding), load:PICTURES (JPEG files to 224 "
      "px), retrieval:EMBEDDINGS (all against all,\n  exact); random weights, pictures and targets lie where they are "
      "computed on. A case that needs too much memory is a row that says so.\n"
      "Peers: torch, torch-compile, onnxruntime, openvino, ncnn (infer, start; torch trains too), torchvision, opencv, "
      "pillow (load),\n  faiss (retrieval); on a GPU torch and torch-compile. One that is not there is a note. "
      "FLEDGE_PEERS names the folder of their scripts.\n" +
      verb.footer;
  Fields& f = verb.fields;
  auto o = std::make_shared<bench::BenchOptions>();
  f.add_positional("cases", o->cases, "what to time; none: the cases of the device").repeatable = true;
  f.group("Measuring");
  f.add("size", o->size, "side of the pictures in pixels").between(8, 4096);
  f.add("seconds", o->seconds, "time for a case, in each round (at least three measurements)").between(0.0, 3600.0);
  f.add("rounds", o->rounds, "fledge and its peers take turns so often; the better median of each counts")
      .between(1, 100);
  f.add("thread-counts", o->thread_counts,
        "on the CPU, e.g. 1,2: each case with each; empty: --threads, with --against also 1");
  add_choice(f, "step-graph", o->step_graph,
             "on a GPU: auto: the training step is recorded once and replayed, as in training; off");
  add_choice(f, "checkpoint-activations", o->checkpoint_activations,
             "what training steps compute again, as in training: off, norms, blocks");
  f.add_switch("kernels", o->kernels,
               "also every kernel above 1 % of the step: time, arithmetic, traffic, share of its roofline");
  f.group("Other programs");
  f.add("against", o->against, "peers, comma-separated, or all: the same cases with the same weights by them");
  f.add("python", o->python, "a Python with their packages; empty: $FLEDGE_PYTHON, else python3");
  f.add(
      "variants", o->variants,
      "how they run: default (as imported), tuned; on a GPU tuned, and of torch-compile reduce-overhead, max-autotune; "
      "empty: on the CPU default,tuned, on a GPU tuned");
  f.group("Output");
  f.add_switch("json", o->json, "one JSON object in place of the table");
  f.add("picture", o->picture, "SVG file of bars with their spread");
  f.group("");
  f.add("child", o->child, "for its own processes").one_of({"", "machine", "time", "strict", "kernels", "share"});
  f.add("folder", o->folder, "for its own processes");
  f.add("since", o->since, "for its own processes");
  bind_machine(f, o->machine);
  verb.run = [o](const Verb&, const std::string&) {
    if (!o->child.empty()) let_signals_end();  // the parent removes its files
    if (!o->picture.empty()) {
      require_writable(o->picture, "name a file in a folder that is there");
      refuse_other_file_as_output(o->picture, "<svg ", "SVG picture");
    }
    return bench::run_bench(*o);
  };
  return verb;
}

}  // namespace fledge
