// A case as something to run again and again: pictures and targets lie where they
// are computed on, and nothing is read back.
#pragma once
#include <memory>

#include "apps/bench/cases.h"
#include "train/compute.h"

namespace fledge::bench {

class Workload {
 public:
  virtual ~Workload() = default;
  /// One step, or one batch through the network. On a device it is only enqueued.
  virtual void run() = 0;
  /// From now on run() replays one recording, as the trainer does it. After two plain runs; nothing where the trainer
  /// records nothing (inference, the CPU). True: it does.
  virtual bool record() { return false; }
};

enum class Streams { AsInTraining, One };  // One: no kernels beside each other, so that each has a time of its own

/// size: side of the pictures.
std::unique_ptr<Workload> make_workload(const BenchCase& c, int size, const Compute& compute,
                                        Streams streams = Streams::AsInTraining);

}  // namespace fledge::bench
