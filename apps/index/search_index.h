// What fledge embed writes, and reads back to be searched in: NAME.npy (N x D), NAME.tsv (path, label, content), a row
// a picture, and NAME.index.json (apps/index/index_info.h).
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "apps/index/index_info.h"
#include "apps/index/own_pictures.h"
#include "tensor/tensor.h"

namespace fledge {

struct StoredEmbeddings {
  std::string name;                                  // without extension
  Tensor vectors;                                    // N,D float32 or float64, N >= 1, all finite
  std::vector<std::string> paths, labels, contents;  // of each row; contents empty: not known
  std::optional<IndexInfo> info;                     // absent: written by others, or before there was one

  PictureNames pictures() const { return {paths, contents, info ? info->root : ""}; }
};

/// `name`: with or without ".npy". Numbers are kept as they are: float64 and whole numbers become float64, float16
/// float32. Errors (BadInput): no such files, rows of table and vectors that do not match, no rows, a row that holds
/// NaN or infinity (named with its path), whole numbers that double does not hold, files that are not of one embed.
StoredEmbeddings load_embeddings(const std::string& name);
/// The same of a pair of files of any names, to be measured: rows may be none, and one without a label is refused.
StoredEmbeddings load_embeddings(const std::string& vectors, const std::string& table);

/// Writes NAME.npy, NAME.tsv and NAME.index.json, all or none: older ones stay when one cannot be written. `info` is
/// completed. Errors: Resource.
void save_embeddings(const std::string& name, const StoredEmbeddings& rows);
/// Temporaries of killed processes beside NAME go. Refuses (Resource) names that cannot be written, before the work.
void prepare_output(const std::string& name);

}  // namespace fledge
