#include "nn/losses/entries.h"

namespace fledge {

LossEntries rkd_entries() { return {}; }

}  // namespace fledge
