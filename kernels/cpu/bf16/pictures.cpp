#include "kernels/cpu/bf16/pictures.h"

#include <algorithm>

#include "kernels/cpu/bf16/blocks.h"
#include "kernels/cpu/parallel.h"

namespace fledge::cpu::bf16 {
namespace {

constexpr std::int64_t kPictureFloats = 1 << 20;  // of all tensors of a block: they stay in the last-level cache

/// The float32 entries take the context's scratch for themselves.
struct WideMemory : VendorState {
  ExecContext memory{1};
};
constexpr char kOwner = 0;

std::int64_t whole_lines(std::int64_t floats) { return (floats + 15) / 16 * 16; }

}  // namespace

PictureBlocks::PictureBlocks(ExecContext& ctx, std::initializer_list<const TensorView*> views, std::int64_t more)
    : ctx_(ctx), views_(views), wide_(views.size()), rooms_(views.size()) {
  std::int64_t each = 0;  // floats a picture
  for (const TensorView* v : views_)
    if (v) pictures_ = v->dims[0];
  for (const TensorView* v : views_)
    if (v && v->dtype == DType::BFloat16 && pictures_ > 0) each += v->numel() / pictures_;
  const std::int64_t at_a_time = std::max<std::int64_t>(1, kPictureFloats / std::max<std::int64_t>(each, 1));
  count_ = (pictures_ + at_a_time - 1) / at_a_time;
  const std::int64_t most = count_ > 0 ? (pictures_ + count_ - 1) / count_ : 0;
  std::int64_t total = whole_lines(more);
  for (const TensorView* v : views_)
    if (v && v->dtype == DType::BFloat16 && pictures_ > 0) total += whole_lines(v->numel() / pictures_ * most);
  auto* memory = static_cast<float*>(
      ctx.state<WideMemory>(&kOwner).memory.scratch(static_cast<std::size_t>(total) * sizeof(float)));
  more_ = memory;
  memory += whole_lines(more);
  for (std::size_t i = 0; i < views_.size(); ++i) {
    const TensorView* v = views_[i];
    if (!v || v->dtype != DType::BFloat16 || pictures_ == 0) continue;
    rooms_[i] = memory;
    memory += whole_lines(v->numel() / pictures_ * most);
  }
}

void PictureBlocks::go_to(std::int64_t block) {
  first_ = pictures_ * block / count_;
  for (std::size_t i = 0; i < views_.size(); ++i) {
    if (!views_[i]) continue;
    wide_[i] = *views_[i];
    wide_[i].holder = nullptr;
    wide_[i].dims[0] = pictures_ * (block + 1) / count_ - first_;
    if (rooms_[i])
      wide_[i].data = rooms_[i], wide_[i].dtype = DType::Float32;
    else
      wide_[i].data =
          views_[i]->as<char>() + offset(static_cast<int>(i)) * static_cast<std::int64_t>(size_of(views_[i]->dtype));
  }
}

std::int64_t PictureBlocks::offset(int i) const {
  const TensorView& v = *views_[static_cast<std::size_t>(i)];
  return first_ * (v.numel() / pictures_);
}

void PictureBlocks::widen(int i) const {
  const TensorView& to = wide(i);
  if (!rooms_[static_cast<std::size_t>(i)]) return;
  const auto* from = views_[static_cast<std::size_t>(i)]->as<std::uint16_t>() + offset(i);
  parallel_flat(ctx_.threads(), to.numel(), row_grain(1), [&](std::int64_t begin, std::int64_t end) {
    bf16::widen(from + begin, to.as<float>() + begin, end - begin);
  });
}

void PictureBlocks::narrow(int i) const {
  const TensorView& from = wide(i);
  if (!rooms_[static_cast<std::size_t>(i)]) return;
  auto* to = views_[static_cast<std::size_t>(i)]->as<std::uint16_t>() + offset(i);
  parallel_flat(ctx_.threads(), from.numel(), row_grain(1), [&](std::int64_t begin, std::int64_t end) {
    bf16::narrow(from.as<float>() + begin, to + begin, end - begin);
  });
}

}  // namespace fledge::cpu::bf16
