#include "nn/losses/entries.h"

namespace fledge {

LossEntries pair_entries() { return {}; }

}  // namespace fledge
