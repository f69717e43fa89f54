// Loader: worker threads decode, augment and assemble batches ahead of the step. What a batch holds does not depend on
// the number of workers.
#pragma once
#include <functional>
#include <memory>
#include <optional>

#include "data/sampler.h"
#include "data/transforms.h"
#include "tensor/tensor.h"

namespace fledge {

struct Batch {
  Tensor images;  // N,3,size,size float32 channels-last
  Tensor labels;  // N int64
  std::vector<SampleRef> samples;
};

/// Makes the size x size picture of one sample (decode + transform). Pure, thread-safe.
using MakeImage = std::function<Image(const SampleRef&)>;

enum class OnBadImage { Fail, Skip };

struct LoaderOptions {
  int size = 224;
  Normalization normalization;
  int workers = 1;        // 0: in the calling thread
  int batches_ahead = 4;  // bound on finished batches kept
  OnBadImage on_bad_image = OnBadImage::Fail;
  double max_bad_fraction =
      0.001;  // Skip: more different bad pictures than this share of all samples of the pass is an error
};

class Loader {
 public:
  /// Runs through `batches` once.
  Loader(std::shared_ptr<Dataset> dataset, std::vector<BatchRefs> batches, MakeImage make_image,
         const LoaderOptions& options);
  ~Loader();  // stops the workers
  /// The next batch in order; nothing at the end. Rethrows a worker's error.
  std::optional<Batch> next();
  /// Pictures replaced because they could not be read (Skip: the next readable image of the same class stands in,
  /// deterministically).
  std::vector<std::string> bad_images() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// MakeImage for training: the generator of a sample is Generator::of({seed, epoch, index, occurrence}).
MakeImage training_images(std::shared_ptr<Dataset> dataset, const TrainTransform& transform, std::uint64_t seed,
                          std::int64_t epoch);
MakeImage evaluation_images(std::shared_ptr<Dataset> dataset, const EvalTransform& transform);

}  // namespace fledge
