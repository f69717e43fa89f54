// fledge bench: cases timed in processes of their own, beside other programs, kernel by kernel.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "train/spec/options.h"

namespace fledge::bench {

struct BenchOptions {
  std::vector<std::string> cases;  // empty: those of the device
  int size = 224, rounds = 2;
  double seconds = 3;
  std::string thread_counts;              // "1,2": every case with each; empty: that of the machine
  std::string against, python, variants;  // comma-separated; empty: none, the Python of this machine, all
  std::string picture;                    // file of the bars; empty: none
  StepGraph step_graph = StepGraph::Auto;
  Checkpoints checkpoint_activations = Checkpoints::Off;
  bool kernels = false, json = false;
  MachineSpec machine;
  // Of a run's own processes:
  std::string child;       // not empty: this process is one, and this is its task
  std::string folder;      // what fledge and its peers share (shared_case.h)
  std::int64_t since = 0;  // when the process was started: nanoseconds of the monotonic clock
};

/// The exit code. Errors (Usage): a case, peer or variant that does not exist.
int run_bench(const BenchOptions& o);

// ---- a run's own processes; each prints one JSON object on stdout ----

/// "machine": what would be used: device, precision, threads. "time", "strict", "kernels": one case. "share": writes
/// the case's folder.
int run_child(const BenchOptions& o);

}  // namespace fledge::bench
