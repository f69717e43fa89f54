// What lies around the networks: pictures from their files, and the exact evaluation of their embeddings.
#include <algorithm>

#include "apps/bench/shared_case.h"
#include "apps/bench/workload.h"
#include "data/loader.h"
#include "nn/metrics/retrieval.h"
#include "tensor/context.h"
#include "tensor/creation.h"

namespace fledge::bench {
namespace {

/// As `fledge embed` loads test pictures: short side 256, the middle, normalized floats.
class Loading : public Workload {
 public:
  explicit Loading(const WorkloadPlace& place) : dataset_(open_dataset({place.folder + "/pictures", ""})) {
    transform_.size = place.size;
    transform_.resize_short = place.size * 256 / 224;
    options_.size = place.size;
    options_.workers = num_threads() > 1 ? num_threads() : 0;
    images_ = Tensor::empty({dataset_->size(), 3, place.size, place.size}, DType::Float32, Layout::ChannelsLast);
    for (std::int64_t i = 0; i < dataset_->size(); ++i) {
      if (i % kBatch == 0) batches_.emplace_back();
      batches_.back().push_back({i, 0});
    }
  }

  void run() override {
    Loader loader(dataset_, batches_, evaluation_views(dataset_, transform_), options_);
    std::int64_t done = 0;
    while (const auto batch = loader.next()) {
      images_.slice(0, done, batch->images.dim(0)).copy_from(batch->images);
      done += batch->images.dim(0);
    }
  }
  Tensor result() const override { return images_; }

 private:
  static constexpr std::int64_t kBatch = 8;

  std::shared_ptr<Dataset> dataset_;
  EvalTransform transform_;
  LoaderOptions options_;
  std::vector<BatchRefs> batches_;
  Tensor images_;
};

/// All that `fledge eval` computes of embeddings, intervals among it.
class Retrieval : public Workload {
 public:
  explicit Retrieval(std::int64_t count) : rows_(case_rows(count)) {}
  void run() override {
    RetrievalOptions options;
    options.recall_at = {1, 10};
    metrics_ = evaluate_retrieval(rows_.vectors, rows_.labels, rows_.vectors, rows_.labels, options);
  }
  Tensor result() const override {
    return from_vector<float>({static_cast<float>(metrics_.recall.at(1)), static_cast<float>(metrics_.recall.at(10))},
                              {2});
  }

 private:
  LabeledRows rows_;
  RetrievalMetrics metrics_;
};

}  // namespace

std::unique_ptr<Workload> make_data_workload(const BenchCase& c, const WorkloadPlace& place) {
  if (c.mode == BenchCase::Mode::Retrieval) return std::make_unique<Retrieval>(c.batch);
  return std::make_unique<Loading>(place);
}

}  // namespace fledge::bench
