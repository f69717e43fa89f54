// What the files beside downloaded weights say: config.json of timm and of Hugging Face, preprocessor_config.json. They
// come from the same stranger as the weights: bounded, and refused where a value makes no sense.
#pragma once
#include <optional>
#include <string>
#include <vector>

namespace fledge {

struct HubConfig {
  std::string architecture;         // timm's name of the network that it is about; empty: not said
  std::string normalize;            // as Normalization::named() reads it; empty: not said
  std::optional<int> size;          // side of the pictures
  std::optional<int> resize_short;  // short side before the centre crop
  std::string variant;              // as ModelSpec's; empty: not said
  std::vector<std::string> notes;   // what was taken, from which file, and what fledge does otherwise
};

/// Of the folder of `weight_file`; empty where there are no such files, or they are of something else. A file that is
/// no JSON is not used, with a note. Errors (BadInput): values that make no sense (a standard deviation of 0), and
/// layers that fledge's networks do not have.
HubConfig hub_config_beside(const std::string& weight_file);

}  // namespace fledge
