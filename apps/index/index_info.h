// What wrote an index: NAME.index.json beside NAME.npy and NAME.tsv. Embeddings can only be compared when one model
// made them from pictures prepared in one way; the two files show neither.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tensor/tensor.h"
#include "train/evaluation/evaluate.h"
#include "train/model/model_file.h"

namespace fledge {

struct IndexInfo {
  // what made the embeddings
  std::string weights;  // checksum_of(model)
  std::string network;  // for messages: "resnet18, embedding 16, stem small"
  std::string output;   // embedding, pooled, logits
  Preprocessing preprocessing;
  std::string exif_rotate = "auto", precision = "f32";
  // of which pictures
  std::string source, classes;  // as given
  std::string root;             // the source's path without its part, made absolute: names of pictures begin there
  // the two files it belongs to
  std::int64_t rows = 0, dims = 0;
  std::string vectors, table;  // checksum_of the numbers, and of the table's text
};

/// XXH3, 128 bits, as 32 hexadecimal digits.
std::string checksum_of(const void* data, std::size_t size);
/// Of a contiguous tensor's numbers and of their type.
std::string checksum_of(const Tensor& rows);
/// Of the network and of every weight that an embedding depends on, whatever kind of file they came from: a classifier
/// counts where `logits`, counters of batches never do.
std::string checksum_of(const EmbeddingModel& model, bool logits);

/// How `flags` embed with the model; of the pictures only where they are named.
IndexInfo index_info(const LoadedModel& model, const EmbedOptions& options, const EvalDataOptions& flags,
                     const MachineSpec& machine);
/// Where the names of the pictures of a data set begin: two sources of one root call a picture the same.
std::string root_of(const std::string& source);

std::string index_file(const std::string& name);  // NAME.index.json
std::string index_json(const IndexInfo& info);
/// nullopt where there is none. Errors (BadInput): no such file as index_json writes.
std::optional<IndexInfo> read_index_info(const std::string& name);

/// Do embeddings that `ours` made (of `what`) and those of the index `name` belong together? Another model, output or
/// preparation: Error(BadInput) that lists what differs, or with `allowed` the same as a note. What may well differ
/// (poorer pictures, precision) is a note. Without knowledge of one side that is the note. Returns the notes.
std::vector<std::string> check_comparable(const std::optional<IndexInfo>& ours, const std::string& what,
                                          const std::optional<IndexInfo>& index, const std::string& name, bool allowed);

}  // namespace fledge
