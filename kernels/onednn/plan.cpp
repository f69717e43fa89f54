#include "kernels/onednn/plan.h"

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "base/error.h"
#include "kernels/onednn/state.h"
#include "kernels/plan/packed_weights.h"

namespace fledge::onednn {
namespace {

std::size_t round_up(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

/// A small number for the pair of layouts, the same for equal pairs in the whole process: a weight may be packed by
/// several contexts and plans. The plain side counts, because a square matrix can be read transposed or not.
int layout_id(const dnnl::memory::desc& plain, const dnnl::memory::desc& packed) {
  static std::mutex mutex;
  static auto& known =
      *new std::vector<std::pair<dnnl::memory::desc, dnnl::memory::desc>>;  // see engine() for the leak
  const std::lock_guard lock(mutex);
  for (std::size_t i = 0; i < known.size(); ++i)
    if (known[i].first == plain && known[i].second == packed) return static_cast<int>(i);
  known.emplace_back(plain, packed);
  return static_cast<int>(known.size()) - 1;
}

}  // namespace

std::string describe(const ConvKey& key) {
  return describe(static_cast<const ConvProblem&>(key)) + ", " + std::to_string(key.threads) + " threads";
}

std::string describe(const MatmulKey& key) {
  auto s = [](std::int64_t v) { return std::to_string(v); };
  std::string d = "m" + s(key.m) + "n" + s(key.n) + "k" + s(key.k);
  if (key.transpose_a) d += " transpose_a";
  if (key.transpose_b) d += " transpose_b";
  if (key.bias) d += " bias";
  return d + ", " + s(key.threads) + " threads";
}

dnnl::memory::data_type data_type_of(std::int64_t dtype) {
  switch (static_cast<DType>(dtype)) {
    case DType::Float32:
      return dnnl::memory::data_type::f32;
    case DType::BFloat16:
      return dnnl::memory::data_type::bf16;
    default:
      throw Error(ErrorKind::Internal, "onednn",
                  std::string("does not compute in ") + name_of(static_cast<DType>(dtype)));
  }
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

bool needs_room(const Plan& plan, const TensorView& w) { return plan.packing.needed && !w.holder; }

const void* packed_weight(Plan& plan, const dnnl::stream& stream, const TensorView& w, Plan::Scratch scratch) {
  Packing& p = plan.packing;
  if (!p.needed) return w.data;
  const auto pack = [&](void* to) {
    p.reorder.set(0, w.data);
    p.reorder.set(1, to);
    p.reorder.set(2, scratch.work);
    p.reorder.run(stream);
  };
  static constexpr char kOwner = 0;
  if (w.holder) return PackedWeights::of(w, {&kOwner, p.layout}, p.bytes, pack);
  pack(scratch.room);
  return scratch.room;
}

}  // namespace fledge::onednn
