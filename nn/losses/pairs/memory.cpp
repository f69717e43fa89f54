#include "nn/losses/entries.h"

namespace fledge {

LossEntries memory_entries() { return {}; }

}  // namespace fledge
