#include "nn/losses/entries.h"

namespace fledge {

LossEntries ranking_entries() { return {}; }

}  // namespace fledge
