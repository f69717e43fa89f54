#include "nn/losses/entries.h"

namespace fledge {

LossEntries margin_entries() { return {}; }

}  // namespace fledge
