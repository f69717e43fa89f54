#include "kernels/onednn/plan.h"

#include <algorithm>
#include <mutex>

#include "base/error.h"
#include "kernels/onednn/packed_weights.h"
#include "kernels/onednn/state.h"

namespace fledge::onednn {
namespace {

std::size_t round_up(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

/// Guards all slots: the lanes of one problem (parts.h) meet at a weight's. The first packs, the others wait for it.
std::mutex& slots() {
  static std::mutex mutex;
  return mutex;
}

bool has_no_slot(const TensorView& w) {
  return !w.holder || (w.holder->slot && !dynamic_cast<PackedWeights*>(w.holder->slot));
}

}  // namespace

std::string describe(const PlanKey& key) {
  auto s = [](std::int64_t v) { return std::to_string(v); };
  std::string d;
  if (key.op == Op::Matmul) {
    d = "m" + s(key.n) + "n" + s(key.k) + "k" + s(key.c);
    if (key.flags & kTransposeA) d += " transpose_a";
    if (key.flags & kTransposeB) d += " transpose_b";
  } else {  // as Conv2dParams::descriptor, so that bench_kernels reads it
    d = "n" + s(key.n) + "c" + s(key.c) + "h" + s(key.h) + "w" + s(key.w) + "k" + s(key.k) + "r" + s(key.r) + "s" +
        s(key.s) + " stride" + s(key.stride_h) + "x" + s(key.stride_w) + " pad" + s(key.pad_top) + "," +
        s(key.pad_left) + "," + s(key.pad_bottom) + "," + s(key.pad_right) + " groups" + s(key.groups);
  }
  if (key.flags & kBias) d += " bias";
  if (key.flags & (kResidualAdd | kResidualInPlace)) d += " residual";
  if (key.flags & kReLU) d += " relu";
  if (key.flags & kReLU6) d += " relu6";
  return d + ", " + s(key.threads) + " threads";
}

int Executable::add(int dnnl_arg, const dnnl::memory::desc& desc) {
  if (count_ == kMaxOperands)
    throw Error(ErrorKind::Internal, "onednn", "a plan has more operands than it has room for");
  memories_[count_] = dnnl::memory(desc, engine(), nullptr);
  args_[count_] = {dnnl_arg, memories_[count_].get()};
  return count_++;
}

Plan::Scratch Plan::take_scratch(ExecContext& ctx, bool with_room) const {
  const std::size_t room = with_room ? round_up(packing.bytes) : 0;
  char* base = static_cast<char*>(ctx.scratch(room + round_up(std::max(scratch, packing.scratch))));
  return {base, base + room};
}

void plan_packing(Plan& plan, const dnnl::memory::desc& plain, const dnnl::memory::desc& packed, bool unpack) {
  Packing& p = plan.packing;
  p.needed = plain != packed;
  if (!p.needed) return;
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const auto& from = unpack ? packed : plain;
  const auto& to = unpack ? plain : packed;
  dnnl::reorder::primitive_desc pd(engine(), from, engine(), to, attr);
  p.layout = layout_id(plain, packed);
  p.bytes = packed.get_size();
  p.scratch = pd.scratchpad_desc().get_size();
  p.reorder = Executable(dnnl::reorder(pd));
  p.reorder.add(DNNL_ARG_FROM, from);
  p.reorder.add(DNNL_ARG_TO, to);
  p.reorder.add(DNNL_ARG_SCRATCHPAD, pd.scratchpad_desc());
}

bool needs_room(const Plan& plan, const TensorView& w) {
  if (!plan.packing.needed) return false;
  const std::lock_guard lock(slots());
  return has_no_slot(w);
}

const void* packed_weight(Plan& plan, const dnnl::stream& stream, const TensorView& w, Plan::Scratch scratch) {
  Packing& p = plan.packing;
  if (!p.needed) return w.data;
  PackedWeights::Entry* entry = nullptr;
  void* target = scratch.room;
  std::unique_lock lock(slots());
  if (!has_no_slot(w)) {
    if (!w.holder->slot) w.holder->slot = new PackedWeights;
    entry = &static_cast<PackedWeights*>(w.holder->slot)->entry(p.layout, p.bytes);
    if (entry->filled && entry->version == w.version) return entry->bytes.get();
    entry->filled = false;  // stays so if the reorder throws
    target = entry->bytes.get();
  } else {
    lock.unlock();
  }
  p.reorder.set(0, w.data);
  p.reorder.set(1, target);
  p.reorder.set(2, scratch.work);
  p.reorder.run(stream);
  if (entry) {
    entry->filled = true;
    entry->version = w.version;
  }
  return target;
}

}  // namespace fledge::onednn
