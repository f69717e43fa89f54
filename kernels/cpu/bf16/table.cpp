// The CPU's mixed-precision tables (kernels/README.md).
#include "kernels/ref/table.h"
#include "kernels/cpu/bf16/families.h"

namespace fledge::cpu {

namespace bf16 {

const KernelTable& plain() {
  static const KernelTable table = ref::ref_bf16_table();
  return table;
}

}  // namespace bf16

KernelTable bf16_table(KernelSet set) {
  KernelTable t = bf16::plain();
  if (set == KernelSet::Ref) return t;
  overlay_copy(t);  // of every dtype
  bf16::overlay_conv(t, set);
  bf16::overlay_norm(t);
  bf16::overlay_pool(t);
  bf16::overlay_eltwise(t);
  return t;
}

}  // namespace fledge::cpu
