// A module's weights as an ordered list of names and tensors, and the strict way back.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "nn/module.h"
#include "tensor/finite.h"

namespace fledge {

/// Parameters and buffers (num_batches_tracked included), PyTorch's names, logical K,C,R,S.
NamedTensors state_dict(const Module& module);

struct LoadReport {
  std::vector<std::string> loaded;
  std::vector<std::string> missing;     // in the module, not in the file
  std::vector<std::string> unexpected;  // in the file, not in the module
};
struct LoadOptions {
  std::vector<std::string> may_miss = {};    // name prefixes that may be missing ("feat.": a fresh head)
  std::vector<std::string> may_ignore = {};  // name prefixes in the file that are dropped ("fc.": the classifier)
  /// Removed from the front of names that the module does not have: DataParallel's,
  /// and the backbone's in the paper's checkpoints.
  std::vector<std::string> strip = {"module.", "base."};
};

/// A tensor that is fetched when it is its turn, so that a file need not be in memory beside the module.
struct StateEntry {
  std::string name;
  std::vector<std::int64_t> shape;
  std::function<Tensor()> fetch;
};

/// num_batches_tracked: written by PyTorch 0.4.1 and later only, and read by nobody who gives a momentum.
bool is_batch_counter(const std::string& name);
/// Error(BadInput): a weight or statistic of this name is stored in a type of whole numbers.
[[noreturn]] void refuse_whole_numbers(const std::string& name);
/// What a tensor of this name may hold: running_var is not negative, and no weight is NaN or infinite.
Sound wanted_of(const std::string& name);
/// May a tensor of sizes `file` fill the module's of sizes `own`? Of a counter any single element does: it is a scalar
/// today and was a list of one in some writers.
bool fits_state(const std::string& name, const std::vector<std::int64_t>& file, const std::vector<std::int64_t>& own);

/// Copies values in, converting dtype. num_batches_tracked may always miss, and a name in may_ignore is
/// dropped whether it is meant with or without the prefixes of `strip`.
/// Throws Error(BadInput) listing missing, unexpected and wrongly shaped names (the first few of each) unless the
/// options allow them; then nothing is fetched or changed. A NaN, an infinity or a negative variance is an
/// Error(BadInput) that names the tensor and the place, as the module would hold it, and so are whole numbers in place
/// of weights. (That, and what fetch throws, comes with the entries before it copied.)
LoadReport load_state_dict(Module& module, const std::vector<StateEntry>& entries, const LoadOptions& options = {});
LoadReport load_state_dict(Module& module, const NamedTensors& tensors, const LoadOptions& options = {});

}  // namespace fledge
