#include "nn/losses/pairs/pair_options.h"

#include "base/error.h"

namespace fledge {
namespace {

constexpr double kSmallestFactor = 1e-3;  // what is divided by is not 0

}  // namespace

OptionDefaults triplet_options(bool with_miner) {
  OptionDefaults options = {{"margin", "0.2"}, {"form", "hinge"}};
  if (with_miner) options.emplace_back("miner", "all");
  return options;
}

TripletOptions read_triplet(const OptionReader& read, bool with_miner) {
  TripletOptions o;
  o.margin = read.number("margin", 0);
  o.form = static_cast<TripletMargin>(read.choice("form", {"hinge", "soft"}));
  if (with_miner) o.miner = static_cast<TripletMiner>(read.choice("miner", {"all", "easy", "semihard", "hard"}));
  if (o.miner == TripletMiner::Easy && o.form == TripletMargin::Hinge)
    throw Error(ErrorKind::Usage, "loss triplet", "miner easy keeps what lies beyond the margin, where the hinge is 0",
                "use form soft, or another miner");
  return o;
}

OptionDefaults contrastive_options() { return {{"contrastive-form", "pml"}, {"pos-margin", "0"}, {"neg-margin", "1"}}; }

ContrastiveOptions read_contrastive(const OptionReader& read) {
  return {static_cast<ContrastiveForm>(read.choice("contrastive-form", {"hadsell", "pml"})),
          read.number("pos-margin", 0), read.number("neg-margin", 0)};
}

OptionDefaults multi_similarity_options() {
  return {{"ms-alpha", "2"}, {"ms-beta", "50"}, {"ms-lambda", "0.5"}, {"ms-miner", "on"}, {"ms-epsilon", "0.1"}};
}

MultiSimilarityOptions read_multi_similarity(const OptionReader& read) {
  return {read.number("ms-alpha", kSmallestFactor), read.number("ms-beta", kSmallestFactor),
          read.number("ms-lambda", -1, 1), read.flag("ms-miner"), read.number("ms-epsilon", 0, 2)};
}

}  // namespace fledge
