// Weight files from elsewhere, recognised: PyTorch's of any age, or safetensors that no fledge wrote.
#pragma once
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "io/weights/tensor_to_save.h"
#include "io/weights/weight_file.h"
#include "nn/import/import.h"
#include "nn/state_dict.h"
#include "train/model/hub_config.h"
#include "train/spec/field.h"

namespace fledge {

/// How a user can help where the tensors alone do not say it. Empty: from the tensors.
struct ExternalOptions {
  std::string arch, variant, stem, map;  // map: a file of lines "from = to"
  bool ema = false;                      // of a checkpoint with plain and averaged weights take the averaged
  std::string ema_flag = "--ema";        // what the user writes for it
};

/// Adds --PREFIXarch, --PREFIXconventions, --PREFIXstem, --PREFIXmap, --PREFIXema, as far as the verb has no such flag
/// yet. `given`: the network is known, so that only the last two make sense.
void bind_external(Fields& fields, ExternalOptions& o, const std::string& prefix, const std::string& group,
                   bool given = false);

struct ExternalModel {
  std::shared_ptr<WeightFile> file;
  ImportPlan plan;
  std::vector<StoredTensor> tensors;  // what plan's indices mean: those of the file that may be weights
  HubConfig hub;                      // of a config.json beside the file
};

/// Notes of the plan say which of two sets of weights was taken, and what a config.json beside the file says.
/// Errors (BadInput): "cannot use FILE as ...", with what the file looks like and the way out.
ExternalModel recognize(std::shared_ptr<WeightFile> file, const ExternalOptions& options);

/// Names that `fledge convert` noted as tensors which the network does not use; metadata "dead", a line each.
std::set<std::string> unused_names(const WeightFile& file);

/// "stacked pickles, 530 tensors, models.resnet.ResNet"
std::string describe(const WeightFile& file);

/// A file's tensor under a name of ours, fetched when it is its turn. `file` must outlive it.
StateEntry entry_of(const std::string& name, const WeightFile& file, const StoredTensor& tensor);
/// All placed tensors by the model's names.
std::vector<StateEntry> entries_of(const ExternalModel& external);

/// A weight on its way to a file: NaN, infinity or a negative variance is an Error(BadInput), and nothing is written.
TensorToSave checked_weight(TensorToSave tensor);

/// The model's tensors in state-dict order (batch counters that the file has not are 0), then, `with_unused`, those the
/// network does not use, under their own names. The result reads from `external`, which must outlive it.
std::vector<TensorToSave> tensors_to_save(const ExternalModel& external, bool with_unused);

}  // namespace fledge
