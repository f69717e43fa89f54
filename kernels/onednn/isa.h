// The instruction set oneDNN may use.
#pragma once

namespace fledge::onednn {

/// Where FLEDGE_CPU_ISA is set, oneDNN uses no more than it names; a lower ONEDNN_MAX_CPU_ISA stays. To be called
/// before oneDNN has looked at the machine, which engine() sees to. Throws Error(Usage) as cpu_isa() does.
void cap_isa();

}  // namespace fledge::onednn
