// Options of the losses of pairs, as the registry lists and reads them: the same in a loss of one batch and in one with
// a memory. Private to nn/losses/.
#pragma once
#include "nn/losses/option_reader.h"
#include "nn/losses/pairs/contrastive.h"
#include "nn/losses/pairs/multi_similarity.h"
#include "nn/losses/pairs/triplet.h"

namespace fledge {

/// margin, form, and with_miner: miner. Errors (Usage): easy triplets with the hinge, which is 0 for all of them.
OptionDefaults triplet_options(bool with_miner);
TripletOptions read_triplet(const OptionReader& read, bool with_miner);

/// contrastive-form, pos-margin, neg-margin
OptionDefaults contrastive_options();
ContrastiveOptions read_contrastive(const OptionReader& read);

/// ms-alpha, ms-beta, ms-lambda, ms-miner, ms-epsilon
OptionDefaults multi_similarity_options();
MultiSimilarityOptions read_multi_similarity(const OptionReader& read);

}  // namespace fledge
