#include "nn/losses/entries.h"

namespace fledge {

LossEntries proxy_entries() { return {}; }

}  // namespace fledge
