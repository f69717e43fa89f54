// Loading a model and embedding a data set as people see it: what is to be said of weights and pictures, and a bar.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "train/evaluation/evaluate.h"

namespace fledge {

/// Each a line on stderr, with `who` ("gallery: ") in front, unless `quiet`.
void say_notes(const std::vector<std::string>& notes, bool quiet, const std::string& who = "");
/// load_model(), with its notes.
LoadedModel load_shown(const std::string& path, const ExternalOptions& external, bool quiet,
                       const std::string& who = "");

/// embed_dataset() after its warnings, with a bar called `bar` unless `quiet`. The model is only run from then on.
Embeddings embed_shown(EmbeddingModel& model, const std::shared_ptr<Dataset>& dataset, EmbedOptions options, bool quiet,
                       const std::string& bar = "embed");
/// On stderr, where there are any.
void say_skipped(const std::string& what, const SkippedPictures& skipped);

}  // namespace fledge
