// Embeddings of a data set on the CPU: its pictures travel as bytes, and nothing shows it.
#include <catch2/catch.hpp>
#include <cstring>

#include "data/loader.h"
#include "tests/data/made_dataset.h"
#include "train/evaluation/evaluate.h"

using namespace fledge;
using namespace fledge::test;

namespace {

/// As the loader normalizes them, batch by batch.
Tensor of_normalized(const EmbeddingModel& model, const std::shared_ptr<Dataset>& dataset, const EmbedOptions& o) {
  EvalTransform transform;
  transform.size = o.preprocessing.size;
  transform.resize_short = o.preprocessing.resize_short;
  LoaderOptions loading;
  loading.size = transform.size;
  loading.normalization = Normalization::named(o.preprocessing.normalize);
  Loader loader(dataset, sequential_batches(dataset->size(), o.batch_size), evaluation_views(dataset, transform),
                loading);
  Tensor all;
  for (std::int64_t done = 0; auto batch = loader.next(); done += batch->images.dim(0)) {
    const Tensor rows = run_model(model, batch->images.to(o.compute.activations), o.output);
    if (!all.defined()) all = Tensor::empty({dataset->size(), rows.dim(1)});
    all.slice(0, done, rows.dim(0)).copy_from(rows);
  }
  return all;
}

}  // namespace

TEST_CASE("embeddings of bytes are those of the loader's normalized pictures, to the bit", "[embed]") {
  const auto dataset = std::make_shared<Made>(std::vector<int>{5, 4, 4});
  for (const char* arch : {"mobilenet_v1", "resnet18"})
    for (const char* variant : {"torch", "keras"})
      for (const DType activations : {DType::Float32, DType::BFloat16}) {
        if (std::string(arch) == "resnet18" && std::string(variant) == "keras") continue;
        EmbeddingModel model({.arch = arch, .width = 0.25, .embedding = 6, .variant = variant}, 2);
        EmbedOptions o;
        o.preprocessing.size = 37;
        o.preprocessing.resize_short = 40;
        o.preprocessing.normalize = std::string(variant) == "keras" ? "keras" : "imagenet";
        o.batch_size = 5;
        o.compute.activations = activations;
        const Embeddings e = embed_dataset(model, dataset, o);
        REQUIRE(e.vectors.dims() == Dims{13, 6});
        const InferenceGuard inference(model);
        const Tensor expected = of_normalized(model, dataset, o);
        INFO(arch << " " << variant << " " << name_of(activations));
        CHECK(std::memcmp(e.vectors.raw(), expected.raw(), 13 * 6 * sizeof(float)) == 0);
      }
}
