// What networks tell about weight files from elsewhere: how others name their tensors, by what they are recognised, by
// what their relatives are refused. A model file, or NAME_external.cpp beside it, fills it in; nn/import asks it.
#pragma once
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "nn/models/model.h"

namespace fledge {

/// One form in which programs name a network's tensors. Names are relative to where the backbone stands.
struct NameForm {
  /// A run of blocks: theirs are `prefix` and a number from `first` on, ours `our_prefix` and one from `our_first` on.
  struct Stage {
    std::string prefix, our_prefix;
    int first = 0, our_first = 0;
    int count = 0;  // 0: as many as the architecture has
  };
  std::string label = {};  // for the user
  std::string stem_conv = {}, stem_bn = {};
  std::vector<Stage> stages = {};
  /// Modules of a block, theirs and ours.
  std::vector<std::pair<std::string, std::string>> modules = {};
  std::string classifier = {};
  std::string shell = {};  // end of the prefix before the backbone where the classifier stands outside: "resnet."
  std::string variant = {}, stem = {};  // what the form implies; empty: nothing
  /// Modules without weights: the pool and the activation behind the stem; last segments of further activations.
  std::string stem_pool = {}, stem_activation = {};
  std::vector<std::string> activations = {};
};

/// The tensors of a file that are the backbone's, by our names.
class ExternalTensors {
 public:
  using Shape = std::vector<std::int64_t>;

  /// Of several tensors with one name the first counts.
  void add(const std::string& ours, const Shape& shape) { shapes_.emplace(ours, &shape); }
  bool has(const std::string& ours) const { return shapes_.count(ours) > 0; }
  /// Does any name begin so?
  bool has_below(const std::string& prefix) const;
  /// A weight of a convolution, K,C/groups,R,S; null when it is missing or none.
  const Shape* filter(const std::string& ours) const;
  /// Its K; 0 when it is missing. No more than any network of ours has, so that products cannot overflow.
  std::int64_t channels(const std::string& ours) const;
  const std::unordered_map<std::string, const Shape*>& all() const { return shapes_; }

 private:
  std::unordered_map<std::string, const Shape*> shapes_;  // the file's list outlives this
};

/// Which network the tensors are.
struct IdentifiedModel {
  ModelSpec spec;          // arch, width, and the stem and variant as far as shapes and names tell; no head
  std::string looks_like;  // an architecture, which a forced one may contradict; empty: nothing known
};

/// Of one or more architectures whose tensors are named alike.
struct ExternalNames {
  std::string name = {};                     // "ResNet", for messages
  std::string title = {};                    // "ResNet-18/34/50/101/152": which there are
  std::string kin = {};                      // others that have such names: "the MobileNet kin?"
  std::string stem_conv = {}, stem_bn = {};  // ours; width and input channels are read off the first one's weight
  std::vector<std::string> landmarks =
      {};  // our modules: of the stem, of the first and of a late block, and of what sets
           // forms apart. Two of them make a network
  std::vector<NameForm> forms = {};
  std::set<std::string> modules = {};  // where there are no forms to tell: all of ours, named as here
  /// A block may hold modules that the form does not name, which then keep their names: with block_modules, those of
  /// ours, it is told apart which are another network's. Else they are none of the backbone's.
  bool open_blocks = false;
  std::vector<std::string> block_modules = {};
  bool shapes_tell_stem = false;
  std::string stem_assumed = {};     // a stem ...
  std::string stem_assumption = {};  // ... and what is assumed with it: "taken as imagenet (stride 2)"
  std::string variant_hint = {};     // "weights converted from Keras need keras"
  std::string paper_label = {};      // of the form below "base.", with a head "feat"

  /// `forced`: the architecture asked for, of these; empty: none. Errors (BadInput): none of ours.
  std::function<IdentifiedModel(const ExternalTensors&, const NameForm&, const std::string& forced)> identify = {};
  /// What it is instead, "a ResNet with a deep stem"; empty: one of ours, as far as this looks. Before and after the
  /// blocks' modules are looked at. Null: nothing to look at.
  std::function<std::string(const ExternalTensors&)> refuse_early = {}, refuse = {};
  /// Why a tensor has no place in `arch`: "resnet50 ends layer3 at block 5"; empty: nothing more to say. May be null.
  std::function<std::string(const std::string& ours, const std::string& arch)> why_no_place = {};
};

/// "3.conv1.weight" -> 3, "conv1.weight"; false for other texts, or numbers of more than four digits.
bool take_number(std::string_view& text, int& number);

}  // namespace fledge
