// The forms in which programs name the networks of fledge: one row per form in forms.cpp, and the way between a name
// of the form and ours. Names here are relative to the trunk.
#pragma once
#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace fledge::importing {

enum class Family { ResNet, MobileNetV1 };

struct NameForm {
  /// A run of blocks: `prefix` and a number, from `first` on.
  struct Stage {
    std::string_view prefix;
    int count;  // 0: as many as the architecture has (ResNet)
    int first;
  };
  std::string_view label = {};  // for the user
  Family family = Family::ResNet;
  std::string_view stem_conv = {}, stem_bn = {};
  std::vector<Stage> stages = {};
  std::array<std::string_view, 4> parts = {};  // MobileNet: depthwise convolution, norm, pointwise convolution, norm
  std::string_view shortcut = {};              // ResNet: the module of the projection shortcut in a block
  /// ResNet: the modules of a block where they have names of their own, theirs and ours.
  std::vector<std::pair<std::string_view, std::string_view>> modules = {};
  std::string_view classifier = {};
  std::string_view shell = {};  // end of the trunk's prefix where the classifier stands outside: "resnet."
  std::string_view conventions = {}, stem = {};  // what the form implies; empty: nothing, torch and imagenet
};

std::span<const NameForm> name_forms();

/// Translates module names, "layer1.0.conv1" or "stage1.1.3", between a form and us.
class FormNames {
 public:
  explicit FormNames(const NameForm& form);
  /// Our name of a file's tensor; none when the form has no such place. ResNets: any number of blocks.
  std::optional<std::string> ours(std::string_view name) const;
  /// The file's name of a tensor of ours. Head and classifier are not the form's: they come back as they are.
  std::string theirs(const std::string& name) const;
  /// Weights that show that a trunk of this form is there: of the stem, of the first and of a late block, and of what
  /// sets the form apart from others of its family.
  std::vector<std::string> landmarks() const;

 private:
  /// A name in a block of a ResNet: "conv1.weight" for "layer.0.convolution.weight", and back.
  std::string in_our_block(std::string_view rest) const;
  std::string in_their_block(std::string_view rest) const;

  const NameForm& form_;
  std::unordered_map<std::string, std::string> to_ours_, to_theirs_;  // MobileNet: modules
};

/// "layer1.0.conv1.weight" -> "layer1.0.conv1" and "weight".
std::pair<std::string_view, std::string_view> split_leaf(std::string_view name);
std::string_view last_segment(std::string_view module);

/// "layer3.6.conv1.weight" -> 3, 6, "conv1.weight"; none for other names, or numbers of more than four digits.
struct BlockName {
  int stage, block;
  std::string_view rest;
};
std::optional<BlockName> block_of(std::string_view our_resnet_name);

}  // namespace fledge::importing
