// What fledge embed writes, read back to be searched in: NAME.npy (N x D) and NAME.tsv (path, label), a row a picture.
#pragma once
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace fledge {

struct StoredEmbeddings {
  std::string name;                        // without extension
  Tensor vectors;                          // N,D float32, N >= 1, all finite
  std::vector<std::string> paths, labels;  // of each row
};

/// `name`: with or without ".npy". Errors (BadInput): no such files, rows of table and vectors that do not match, no
/// rows, a row that holds NaN or infinity (named with its path).
StoredEmbeddings load_embeddings(const std::string& name);

}  // namespace fledge
