#include "nn/losses/pairs/all_triplets.h"

#include <vector>

#include "autograd/node.h"
#include "nn/losses/counts.h"
#include "tensor/ops/distance.h"

namespace fledge {
namespace {

class AllTripletsNode : public Node {
 public:
  explicit AllTripletsNode(Tensor gradient) : gradient_(std::move(gradient)) {}
  const char* name() const override { return "all_triplets"; }
  std::vector<Tensor> backward(const Tensor& dy, const Needs&) override {
    return {times_scalar(gradient_.get(name(), "gradient"), dy)};
  }
  void release() override { gradient_.release(); }

 private:
  Saved gradient_;
};

/// What the miner lets through: gaps D_an - D_ap in (above, upto].
TripletParams params_of(const TripletOptions& options) {
  TripletParams p;
  p.margin = options.margin;
  p.soft = options.form == TripletMargin::Soft;
  if (options.miner == TripletMiner::Hard) p.upto = 0;
  if (options.miner == TripletMiner::Semihard) p.above = 0, p.upto = options.margin;
  if (options.miner == TripletMiner::Easy) p.above = options.margin;
  return p;
}

}  // namespace

TripletSum all_triplets(const Variable& d, const PairBatch& batch, const TripletOptions& options) {
  const TripletResult all = all_triplets(d.value(), batch.positive, batch.negative, params_of(options));
  // Counts are double; on a device they are read by nobody here, and float32 divides them for the log.
  const Tensor counts = on_host(all.counts) ? all.counts : all.counts.to(DType::Float32);
  const auto count = [&](std::int64_t i) { return LoggedNumber(counts.slice(0, i, 1).reshape({})); };
  TripletSum out{Variable(all.value), count(0), count(1), count(2)};
  if (wants_graph({&d})) out.value = attach(all.value, std::make_shared<AllTripletsNode>(all.gradient), {d});
  return out;
}

}  // namespace fledge
