// From the names and shapes of a weight file to a model of ours: which network it is, and which tensor goes where.
// Works on names and shapes alone, so that nothing is read before all is known to fit. README.md has the rules.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nn/models/model.h"

namespace fledge {

struct NamedShape {
  std::string name;
  std::vector<std::int64_t> shape;
};

/// The tensors that EmbeddingModel(spec) has, in state-dict order, num_batches_tracked included. No weights are made:
/// no memory, about a millisecond. Errors (Usage): as EmbeddingModel's.
std::vector<NamedShape> shapes_of(const ModelSpec& spec);

/// Lines "from = to" of a map file: `from` is a name or a prefix ending in '.', `to` likewise, or empty (drop it).
using NameMap = std::vector<std::pair<std::string, std::string>>;

/// `text`: lines as above; '#' starts a comment. Errors (Usage), with `file` and line: no '=', no `from`, a prefix
/// mapped to a name or a name to a prefix, `from` given twice.
NameMap parse_name_map(const std::string& text, const std::string& file);

/// What a pickled module says of a layer, as far as it has such attributes.
struct LayerFacts {
  std::string kind;                             // its class without the module: "Conv2d", "ReLU6"
  std::optional<std::int64_t> stride, padding;  // the first entries
  std::optional<double> eps;
};

struct ImportOptions {
  std::string arch;     // forced architecture; empty: from the tensors
  std::string variant;  // as ModelSpec's; empty: what the facts say, then what the form of the names implies
  std::string stem;     // imagenet, small; empty: from the shapes (ResNet), or the facts, then the form (MobileNet)
  NameMap map = {};     // applied first; of several entries that match a name the longest counts
  /// By module, named as the tensors are before the map: "base.layer1.0.conv1". Empty: the file says nothing.
  std::map<std::string, LayerFacts> facts = {};
};

struct ImportPlan {
  struct Place {
    std::size_t source;  // index into the given list
    std::string target;  // name in the EmbeddingModel
  };
  ModelSpec spec;  // with an embedding head: classes = 0; without: embedding = 0, classes of the classifier or 0
  std::vector<Place>
      placed;  // every tensor of the model, except `zeros` and batch counters that the file has not; file
               // order
  std::vector<std::string> zeros;    // tensors of the model that the file has not and that are 0: a bias
  std::vector<std::size_t> unused;   // tensors the network never uses (the paper's base.fc and Embed), by index
  std::vector<std::size_t> dropped;  // tensors that the map drops
  std::vector<std::string> notes;    // e.g. "names: the paper's (base., feat.)"
};

/// Every given tensor is placed, unused or dropped. Errors (BadInput): no known network, several, or a relative of a
/// known one; missing, unexpected or misshapen tensors, listed; facts about layers that the network has otherwise,
/// unless the options fix variant or stem. Errors (Usage): an entry of the map that renames nothing, an unknown
/// architecture, a variant the network does not have.
ImportPlan plan_import(const std::vector<NamedShape>& tensors, const ImportOptions& options = {});

}  // namespace fledge
