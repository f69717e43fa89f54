// Registry rows of the losses of pairs within a batch.
#include <limits>

#include "nn/losses/pairs/contrastive.h"
#include "nn/losses/pairs/label_loss.h"
#include "nn/losses/pairs/multi_similarity.h"
#include "nn/losses/pairs/pair_options.h"
#include "nn/losses/pairs/softmax_pairs.h"

namespace fledge {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kSmallestTemperature = 1e-3;

std::shared_ptr<Loss> make_contrastive(const LossOptions& options, const LossSetup&) {
  const ContrastiveOptions o = read_contrastive(OptionReader("contrastive", options));
  return std::make_shared<LabelLoss>("contrastive", true, [o](const Variable& f, const Tensor& labels) {
    return contrastive(pairs_within("contrastive", f, labels), o);
  });
}

std::shared_ptr<Loss> make_multi_similarity(const LossOptions& options, const LossSetup&) {
  const MultiSimilarityOptions o = read_multi_similarity(OptionReader("multi-similarity", options));
  return std::make_shared<LabelLoss>("multi-similarity", true, [o](const Variable& f, const Tensor& labels) {
    return multi_similarity(pairs_within("multi_similarity", f, labels), o);
  });
}

std::shared_ptr<Loss> make_n_pair(const LossOptions& options, const LossSetup&) {
  const double l2 = OptionReader("n-pair", options).number("n-pair-l2", 0, kInfinity);
  return std::make_shared<LabelLoss>("n-pair", false,
                                     [l2](const Variable& f, const Tensor& labels) { return n_pair(f, labels, l2); });
}

/// NT-Xent and SupCon. Each has a temperature of its own: an option has one default in all losses.
LossEntry temperature_entry(const char* name, const char* summary, const char* option, const char* value,
                            LossOutput (*f)(const PairBatch&, double)) {
  const auto make = [=](const LossOptions& options, const LossSetup&) -> std::shared_ptr<Loss> {
    const double t = OptionReader(name, options).number(option, kSmallestTemperature, kInfinity);
    return std::make_shared<LabelLoss>(
        name, true, [=](const Variable& e, const Tensor& labels) { return f(pairs_within(name, e, labels), t); });
  };
  return {LossKind::Metric, summary, {{option, value}}, make};
}

}  // namespace

LossEntries pair_entries() {
  return {{"contrastive",
           {LossKind::Metric, "same-class pairs together, others a margin apart (contrastive-form: hadsell|pml)",
            contrastive_options(), make_contrastive}},
          {"multi-similarity",
           {LossKind::Metric, "soft sums over the pairs that its miner keeps (ms-miner: on|off)",
            multi_similarity_options(), make_multi_similarity}},
          {"n-pair",
           {LossKind::Metric,
            "the anchor of each class finds its positive among those of all classes; made for embeddings without unit "
            "length",
            {{"n-pair-l2", "0"}},
            make_n_pair}},
          {"nt-xent", temperature_entry("nt-xent", "each positive against all negatives of its anchor, by a softmax",
                                        "nt-temperature", "0.07", nt_xent)},
          {"supcon", temperature_entry("supcon", "all positives of an anchor against all others, by a softmax",
                                       "supcon-temperature", "0.1", supcon)}};
}

}  // namespace fledge
