// A case as something to run again and again: pictures and targets lie where they
// are computed on, and nothing is read back.
#pragma once
#include <memory>
#include <string>

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
  /// What the last plain run() gave: N,D embeddings, the step's loss, N,3,S,S pictures, or Recall@1 and @10.
  virtual Tensor result() const = 0;
};

enum class Streams { AsInTraining, One };  // One: no kernels beside each other, so that each has a time of its own

struct WorkloadPlace {
  int size = 224;                                         // side of the pictures
  std::string folder;                                     // of Load: with the pictures of write_pictures
  Checkpoints checkpoint_activations = Checkpoints::Off;  // of training steps (nn/models/backbone.h)
};

/// Every mode but Start.
std::unique_ptr<Workload> make_workload(const BenchCase& c, const WorkloadPlace& place, const Compute& compute,
                                        Streams streams = Streams::AsInTraining);
/// Of Load and Retrieval: with num_threads() threads.
std::unique_ptr<Workload> make_data_workload(const BenchCase& c, const WorkloadPlace& place);

}  // namespace fledge::bench
