// Some pictures of a batch at a time, widened, so that a float32 entry can compute them.
#pragma once
#include <initializer_list>
#include <vector>

#include "kernels/api/exec_context.h"
#include "kernels/api/tensor_view.h"

namespace fledge::cpu::bf16 {

/// Blocks of pictures of several tensors of one batch, dense channels-last (or N,C). A bfloat16 tensor has float32 room
/// for a block, another is seen as it is. The sizes alone divide the batch, so a sum over blocks has the same bits for
/// any number of threads.
class PictureBlocks {
 public:
  /// Views may be null. `more`: floats wanted besides. The memory is good until the next object of this context.
  PictureBlocks(ExecContext& ctx, std::initializer_list<const TensorView*> views, std::int64_t more = 0);

  std::int64_t count() const { return count_; }
  /// Goes to a block; what its room holds is undefined.
  void go_to(std::int64_t block);
  /// The block of view `i` in float32.
  const TensorView& wide(int i) const { return wide_[static_cast<std::size_t>(i)]; }
  const TensorView* pointer(int i) const { return views_[static_cast<std::size_t>(i)] ? &wide(i) : nullptr; }
  void widen(int i) const;
  void narrow(int i) const;
  float* more() const { return more_; }

 private:
  std::int64_t offset(int i) const;

  ExecContext& ctx_;
  std::vector<const TensorView*> views_;
  std::vector<TensorView> wide_;
  std::vector<float*> rooms_;
  float* more_ = nullptr;
  std::int64_t pictures_ = 0, count_ = 0, first_ = 0;
};

/// f(blocks) once for each block. Only the first says who computed it, to whoever asks.
template <class F>
void for_blocks(ExecContext& ctx, PictureBlocks& blocks, F&& f) {
  KernelReport* const report = ctx.report;
  for (std::int64_t i = 0; i < blocks.count(); ++i) {
    if (i > 0) ctx.report = nullptr;
    blocks.go_to(i);
    f(i);
  }
  ctx.report = report;
  if (report) report->implementation = "widened " + report->implementation;
}

}  // namespace fledge::cpu::bf16
