// Checkpoints: RUN/checkpoints/step-00001200/{model,optimizer}.safetensors, state.json, MANIFEST;
// A checkpoint is written to a temporary folder, fsynced, checksummed in MANIFEST and renamed, or exchanged with one of
// the same step: it is there whole or not at all. The newest sound state.json is the truth about the run; LATEST and
// BEST follow from it, and nothing reads them.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "tensor/named_tensors.h"
#include "train/run/run_state.h"

namespace fledge {

struct Checkpoint {
  NamedTensors model, optimizer;
  std::map<std::string, std::string> model_metadata;
  RunState state;
};

/// What in it is NaN, infinite or a negative variance: "tensor 'bn1.running_var' is nan at [3]". "": nothing.
std::string unsound_number(const Checkpoint& checkpoint);

/// Writes the checkpoint of state.step, then tidies. Throws Error(Resource) on a full disk; older ones stay.
void save_checkpoint(const std::string& run, const Checkpoint& checkpoint, std::int64_t keep);

/// What follows from the newest state: LATEST and BEST (for people), and of the older checkpoints only the newest
/// `keep` and the best. For the holder of the run's lock.
void tidy_checkpoints(const std::string& run, const RunState& newest, std::int64_t keep);
/// Removes what a killed process left half written, and brings back what an exchange in two steps had put aside.
void recover_checkpoints(const std::string& run);

/// Folder of the newest checkpoint whose checksums hold; nothing is changed. Damaged ones are reported on stderr and
/// passed over. nullopt: there is no checkpoint at all. Errors: one cannot be read (Resource), there are some but none
/// is sound (BadInput; with `anew` nullopt instead).
std::optional<std::string> newest_checkpoint(const std::string& run, bool anew = false);
/// Renames the checkpoints newer than `newest` (all, where it is nullopt), which are damaged, to *.corrupt.
void set_damaged_aside(const std::string& run, const std::optional<std::string>& newest);
Checkpoint load_checkpoint(const std::string& folder);

/// The checkpoint that is the run's result: the best by the newest sound state, where one was chosen and is sound, else
/// the newest sound one.
std::optional<std::string> result_checkpoint(const std::string& run);

}  // namespace fledge
