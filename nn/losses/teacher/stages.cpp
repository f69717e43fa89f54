#include "nn/losses/entries.h"

namespace fledge {

LossEntries stage_entries() { return {}; }

}  // namespace fledge
