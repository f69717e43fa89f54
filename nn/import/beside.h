// What stands beside a backbone and is no head of an embedding: layers of losses, norms behind the features.
#pragma once
#include <string>
#include <vector>

#include "nn/import/backbone.h"

namespace fledge::importing {

/// Is the tensor or module part of a loss, a criterion or a metric, by the words in its path (below the folder that it
/// shares with the backbone)? Proxies, class centres and margin layers are matrices over the features as heads are.
bool is_of_loss(const FoundBackbone& backbone, const std::string& name);

/// Is it a classifier by the words in its path?
bool is_classifier_by_name(const FoundBackbone& backbone, const std::string& module);

/// Modules outside the backbone that normalise `channels` values by running statistics: the batch norm of a BNNeck.
std::vector<std::string> norms_of(const std::vector<Source>& sources, const FoundBackbone& backbone,
                                  std::int64_t channels);

}  // namespace fledge::importing
