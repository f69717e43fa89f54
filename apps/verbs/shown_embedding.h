// Embedding a data set as people see it: what is to be said of the pictures, and a progress bar.
#pragma once
#include <memory>
#include <string>

#include "train/evaluation/evaluate.h"

namespace fledge {

/// embed_dataset() after its warnings, with a bar called `bar` unless `quiet`.
Embeddings embed_shown(EmbeddingModel& model, const std::shared_ptr<Dataset>& dataset, EmbedOptions options, bool quiet,
                       const std::string& bar = "embed");
/// On stderr, where there are any.
void say_skipped(const std::string& what, const SkippedPictures& skipped);

}  // namespace fledge
