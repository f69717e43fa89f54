// The sets of weights in one checkpoint: the plain ones, and running averages of them (EMA, SWA) under a name of their
// own. Which one a file's user means, no file tells.
#pragma once
#include <string>
#include <vector>

#include "io/weights/weight_file.h"

namespace fledge {

struct WeightSets {
  std::vector<StoredTensor> plain;     // all that may be weights, without the averaged ones
  std::vector<StoredTensor> averaged;  // under the names that they have below `folder`
  std::string folder;                  // of the averaged ones: "state_dict_ema."; empty: no averaged network is there
  bool plain_network = false;          // do the plain ones hold a network, as far as convolutions show it
};

/// Tensors of an optimiser, and those that `fledge convert` noted as unused, are in neither. Of a file without state
/// dict or module at its top, the tensors among the object's attributes count.
WeightSets weight_sets(const WeightFile& file);

}  // namespace fledge
