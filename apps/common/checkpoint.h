// Checkpoints: RUN/checkpoints/step-00001200/{model,optimizer}.safetensors, state.json, MANIFEST;
// RUN/checkpoints/LATEST names the newest. A checkpoint is written to a temporary folder, fsynced, checksummed in
// MANIFEST and renamed: it is there whole or not at all.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "tensor/named_tensors.h"

namespace fledge {

/// Where a run stands: everything besides weights and moments that its future depends on. Order and augmentation are
/// functions of (seed, epoch, sample), so the cursor is the sampler's and the generators' whole state.
struct RunState {
  std::int64_t step = 0;   // steps done
  std::int64_t epoch = 0;  // epoch of the next step
  std::int64_t batch = 0;  // batches of that epoch done
  std::uint64_t seed = 0;
  std::uint64_t order_hash = 0;  // of that epoch's order: another data set is noticed
  bool finished = false;
  bool evaluation_due = false;  // stopped between an epoch and its evaluation
  // Of the evaluations that choose the run's result: the best Recall@1 so far, its step, evaluations since. -1: none.
  double best = -1;
  std::int64_t best_step = 0, since_best = 0;
  std::map<std::string, double> epoch_sums;  // running sums for the epoch's means
};

struct Checkpoint {
  NamedTensors model, optimizer;
  std::map<std::string, std::string> model_metadata;
  RunState state;
};

/// Writes the checkpoint of state.step and prunes all but the newest `keep` and that of state.best_step. Throws
/// Error(Resource) on a full disk; older ones stay.
void save_checkpoint(const std::string& run, const Checkpoint& checkpoint, std::int64_t keep);

/// Folder of the newest checkpoint whose checksums hold. Damaged ones are reported on stderr and skipped; `set_aside`,
/// for the holder of the run's lock only, also renames them to *.corrupt.
std::optional<std::string> newest_checkpoint(const std::string& run, bool set_aside);
Checkpoint load_checkpoint(const std::string& folder);

/// checkpoints/BEST names the checkpoint that is the run's result, where one was chosen.
void mark_best(const std::string& run, std::int64_t step);
/// The chosen checkpoint if there is a sound one, else the newest sound one.
std::optional<std::string> result_checkpoint(const std::string& run);

}  // namespace fledge
