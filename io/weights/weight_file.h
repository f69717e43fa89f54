// WeightFile: a file of weights in any of the four containers that PyTorch has written (tar of 2016-17, stacked
// pickles, zip, safetensors), opened without running or looking up anything that is named in it.
// A model in several files is opened by its index (model.safetensors.index.json), as if it were one.
// Opening reads the structure only; a tensor's numbers are read (and, in zip files, checked against their CRC) when
// they are asked for.
//
// Errors: Error(BadInput) naming the file, what is wrong and at which byte. Reading takes no more memory than the
// file's size and 128 MiB, whatever the file says.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/weights/element_type.h"
#include "tensor/tensor.h"

namespace fledge {

struct StoredTensor {
  std::string name;  // as in a state dict; for anything else the keys and indices joined by dots
  ElementType type = ElementType::F32;
  std::vector<std::int64_t> shape;    // at most 8 axes
  std::vector<std::int64_t> strides;  // in elements, from 0
  std::int64_t offset = 0;            // in elements, from the start of its block
  std::size_t block = 0;              // tensors of one block share memory
  bool aside = false;                 // of a checkpoint with a "state_dict": not in it (the optimiser's moments, ...)
  std::int64_t numel() const;
};

/// What a pickled module says of one layer, as far as it has such attributes.
struct LayerAttributes {
  std::string kind;                             // its class, without the module: "Conv2d"
  std::optional<std::int64_t> stride, padding;  // the first of each
  std::optional<double> eps;
};

struct WeightFileInfo {
  std::string container;                          // "tar", "stacked", "zip" or "safetensors"
  std::string writer;                             // who wrote it, as far as the file tells
  std::optional<int> protocol;                    // of the object's pickle; none in safetensors
  bool checksummed = false;                       // does the container guard the numbers with a checksum
  std::string root;                               // class of the saved object: "models.resnet.ResNet", "dict", ...
  std::vector<std::string> classes;               // every "module.name" that the object's pickle mentions, sorted
  std::vector<std::string> unknown;               // those of them that fledge gives no meaning to
  std::map<std::string, std::string> metadata;    // "__metadata__" of safetensors
  std::vector<std::string> labels;                // class names stored beside the weights, by class number
  std::map<std::string, LayerAttributes> layers;  // of pickled modules, by name: "base.layer1.0.conv1"
  std::vector<std::string> warnings;
};

class WeightFile {
 public:
  explicit WeightFile(const std::string& path);
  /// `bytes` must outlive the object; `name` stands in messages.
  static WeightFile in_memory(std::span<const char> bytes, const std::string& name);
  WeightFile(WeightFile&&) noexcept;
  WeightFile& operator=(WeightFile&&) noexcept;
  ~WeightFile();

  const std::string& path() const;
  /// The files that it is in: path(), and the shards that it names as an index.
  std::vector<std::string> files() const;
  const WeightFileInfo& info() const;
  /// In the order of the file. A state dict or module below the key "state_dict" gives its own names, without that key.
  const std::vector<StoredTensor>& tensors() const;
  /// Tensors that belong to no state dict: plain attributes and non-persistent buffers of pickled modules.
  const std::vector<StoredTensor>& others() const;

  /// Hands the tensor's numbers to `take`, in pieces: contiguous, little-endian, in the file's element type. A checksum
  /// may be found wrong only behind the last piece: on an exception forget what was handed over.
  void read(const StoredTensor& tensor, const std::function<void(const char* bytes, std::size_t size)>& take) const;
  /// Contiguous, in the type that dtype_for says. Error(BadInput) for types
  /// that fledge has none for, and beyond 6 axes.
  Tensor load(const StoredTensor& tensor) const;

  struct Content;  // what the containers' readers fill in (io/weights/content.h)

 private:
  explicit WeightFile(std::unique_ptr<Content> content);
  friend void read_shard_index(Content& content);
  std::unique_ptr<Content> content_;
};

}  // namespace fledge
