// From a model and pictures to embeddings.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/identity/content.h"
#include "nn/models/model.h"
#include "train/compute.h"
#include "train/evaluation/skipped.h"
#include "train/model/model_file.h"
#include "train/spec/options.h"

namespace fledge {

struct Embeddings {
  Tensor vectors;  // N,D float32
  std::vector<std::int64_t> labels;
  std::vector<std::string> paths, label_names;  // per row
  std::vector<std::int64_t> pictures;           // per row: its number in the data set; none of stored embeddings
  SkippedPictures skipped;                      // those without a row
  std::vector<std::string> contents = {};       // checksums of the pictures, per row; empty: not known
  std::string root = {};                        // where the paths begin; empty: not known
  std::int64_t trained_on = 0;                  // of these the model was trained on, as far as its run tells
};

/// What of the network is wanted of each picture.
enum class Output {
  Embedding,  // the head's, of unit length
  Pooled,     // the pooled features, L2-normalised
  Logits,     // the classifier's scores
};
/// images: N,3,H,W on the model's device. No graph is recorded.
Tensor run_model(const EmbeddingModel& model, const Tensor& images, Output output);
/// Of pictures that are still bytes, with `activations` in the backbone.
Tensor run_model(const EmbeddingModel& model, const StoredPictures& pictures, DType activations, Output output);

struct EmbedOptions {
  Preprocessing preprocessing;
  std::int64_t batch_size = 64;
  int workers = 1;
  Output output = Output::Embedding;
  Compute compute;
  bool skip_bad = false;  // a picture that cannot be read has no row; else it is an error
  std::function<void(std::int64_t done, std::int64_t of)> progress = nullptr;  // after each batch
};

/// Moves the model to the device of `options` and runs it, in evaluation, over all pictures, in order. Throws
/// Error(BadInput) naming a picture that cannot be read; where such ones are skipped, when none is left. Error(Numeric)
/// naming the picture whose embedding is not finite: nothing that is made of such a row means anything.
Embeddings embed_dataset(EmbeddingModel& model, std::shared_ptr<Dataset> dataset, const EmbedOptions& options);
/// Fills e.contents of rows that embed_dataset made of this data set, as in a table (io/table.h), found out in the
/// calling thread and `threads` more.
void identify(Embeddings& e, Contents& contents, int threads);
/// Of two views of the same pictures: leaves out the rows whose picture the other one lacks.
void keep_common_rows(Embeddings& a, Embeddings& b);

/// The rows are finite; else Error(kind): "row 3 of WHAT ('NAME') holds nan at
/// [3,17]", without NAME where `names` is empty.
void require_finite_rows(const Tensor& rows, const std::string& what, const std::vector<std::string>& names,
                         ErrorKind kind, const std::string& hint);

/// What is to be said of it: that pictures which are to be cut to their boxes have none, and are taken whole, that a
/// crop leaves most of each picture out, and that classes are called nearly the same.
std::vector<std::string> preparation_warnings(const Preprocessing& preprocessing, const Dataset& dataset);

/// The model's preprocessing with what the flags override.
Preprocessing preprocessing_for(const Preprocessing& model, const EvalDataOptions& flags);
/// How `flags` ask for pictures to be embedded with such a model.
EmbedOptions embed_options(const Preprocessing& model, const EvalDataOptions& flags, const MachineSpec& machine);

}  // namespace fledge
