// fledge bench: cases timed in processes of their own, beside PyTorch, kernel by kernel.
#pragma once
#include <string>
#include <vector>

#include "train/spec/options.h"

namespace fledge::bench {

struct BenchOptions {
  std::vector<std::string> cases;  // empty: those of the device
  int size = 224, rounds = 2;
  double seconds = 3;
  std::string against, python = "python3", forms;  // forms of PyTorch, comma-separated; empty: those of the device
  StepGraph step_graph = StepGraph::Auto;
  bool kernels = false, json = false;
  MachineSpec machine;
  std::string child;  // not empty: this process is one of the run's own, and this is its task
};

/// The exit code. Errors (Usage): a case or form that does not exist.
int run_bench(const BenchOptions& o);

// ---- a run's own processes; each prints one JSON object on stdout ----

/// "machine": what would be used: device, precision, threads. "time", "strict", "kernels": one case.
int run_child(const BenchOptions& o);

}  // namespace fledge::bench
