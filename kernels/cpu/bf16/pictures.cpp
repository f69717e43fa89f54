#include "kernels/cpu/bf16/pictures.h"

#include <algorithm>

#include "kernels/cpu/bf16/blocks.h"
#include "kernels/cpu/parallel.h"

namespace fledge::cpu::bf16 {
namespace {

/// Of all tensors of a block: 2 MiB lie in the last-level cache, and in part nearer. Measured on Zen 3 (MobileNet
/// 0.25): 1 MiB is as fast, 4 MiB are slower by a fifth.
constexpr std::int64_t kBlockFloats = 1 << 19;

/// The float32 entries take the context's scratch for themselves.
struct WideMemory : VendorState {
  ExecContext memory{1};
};
constexpr char kOwner = 0;

std::int64_t whole_lines(std::int64_t floats) { return (floats + 15) / 16 * 16; }

bool is_narrow(const std::optional<TensorView>& v) { return v && v->dtype == DType::BFloat16; }

/// N,C,H,W as N*H pictures of one row each.
TensorView rows_as_pictures(TensorView t) {
  const std::int64_t row = t.dims[3] * t.dims[1];
  t.dims = {t.dims[0] * t.dims[2], t.dims[1], 1, t.dims[3]};
  t.strides = {row, 1, row, t.dims[1]};
  return t;
}

/// And some of those as one.
TensorView one_picture(TensorView rows) {
  const std::int64_t row = rows.dims[3] * rows.dims[1];
  rows.dims = {1, rows.dims[1], rows.dims[0], rows.dims[3]};
  rows.strides = {row * rows.dims[2], 1, row, rows.dims[1]};
  return rows;
}

}  // namespace

PictureBlocks::PictureBlocks(ExecContext& ctx, std::initializer_list<const TensorView*> views,
                             const BlockOptions& options)
    : ctx_(ctx), by_rows_(options.by_rows), tensors_(views.size()) {
  std::int64_t each = 0;  // floats a picture
  for (std::size_t i = 0; i < views.size(); ++i) {
    const TensorView* v = views.begin()[i];
    if (!v) continue;
    Tensor& t = tensors_[i];
    t.whole = by_rows_ ? rows_as_pictures(*v) : *v;
    pictures_ = t.whole->dims[0];
    t.each = pictures_ > 0 ? v->numel() / pictures_ : 0;
    if (is_narrow(t.whole)) each += t.each;
  }
  const std::int64_t floats = std::max(kBlockFloats, options.at_least);
  const std::int64_t at_a_time = std::max<std::int64_t>(1, floats / std::max<std::int64_t>(each, 1));
  count_ = (pictures_ + at_a_time - 1) / at_a_time;
  const std::int64_t most = count_ > 0 ? (pictures_ + count_ - 1) / count_ : 0;
  std::int64_t total = whole_lines(options.more);
  for (const Tensor& t : tensors_)
    if (is_narrow(t.whole)) total += whole_lines(t.each * most);
  more_ = static_cast<float*>(
      ctx.state<WideMemory>(&kOwner).memory.scratch(static_cast<std::size_t>(total) * sizeof(float)));
  float* memory = more_ + whole_lines(options.more);
  for (Tensor& t : tensors_)
    if (is_narrow(t.whole)) t.room = memory, memory += whole_lines(t.each * most);
}

void PictureBlocks::go_to(std::int64_t block) {
  first_ = pictures_ * block / count_;
  for (Tensor& t : tensors_) {
    if (!t.whole) continue;
    t.wide = *t.whole;
    t.wide.holder = nullptr;
    t.wide.dims[0] = pictures_ * (block + 1) / count_ - first_;
    if (by_rows_) t.wide = one_picture(t.wide);
    t.wide.data = t.whole->as<char>() + first_ * t.each * static_cast<std::int64_t>(size_of(t.whole->dtype));
    if (t.room) t.wide.data = t.room, t.wide.dtype = DType::Float32;
  }
}

void PictureBlocks::widen(int i) const {
  const Tensor& t = tensors_[static_cast<std::size_t>(i)];
  if (!t.room) return;
  const auto* from = t.whole->as<std::uint16_t>() + first_ * t.each;
  parallel_flat(ctx_.threads(), t.wide.numel(), row_grain(1),
                [&](std::int64_t begin, std::int64_t end) { bf16::widen(from + begin, t.room + begin, end - begin); });
}

void PictureBlocks::narrow(int i) const {
  const Tensor& t = tensors_[static_cast<std::size_t>(i)];
  if (!t.room) return;
  auto* to = t.whole->as<std::uint16_t>() + first_ * t.each;
  parallel_flat(ctx_.threads(), t.wide.numel(), row_grain(1),
                [&](std::int64_t begin, std::int64_t end) { bf16::narrow(t.room + begin, to + begin, end - begin); });
}

}  // namespace fledge::cpu::bf16
