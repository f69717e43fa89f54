// Some pictures of a batch at a time, widened, so that a float32 entry can compute them.
#pragma once
#include <initializer_list>
#include <optional>
#include <vector>

#include "kernels/api/exec_context.h"
#include "kernels/api/tensor_view.h"

namespace fledge::cpu::bf16 {

struct BlockOptions {
  std::int64_t more = 0;      // floats wanted besides
  std::int64_t at_least = 0;  // floats of a block: so many that what is read once a block (weights) costs little
  bool by_rows = false;       // of N,C,H,W tensors of one size: what is computed of a pixel depends on that pixel alone
};

/// Blocks of pictures of several tensors of one batch, dense channels-last (or N,C). A bfloat16 tensor has float32 room
/// for a block, another is seen as it is. By rows, a block is one picture of some rows of pixels. The sizes alone
/// divide the batch, so a sum over blocks has the same bits for any number of threads.
class PictureBlocks {
 public:
  /// Views may be null. The memory is good until the next object of this context.
  PictureBlocks(ExecContext& ctx, std::initializer_list<const TensorView*> views, const BlockOptions& options = {});

  std::int64_t count() const { return count_; }
  /// Goes to a block; what its room holds is undefined.
  void go_to(std::int64_t block);
  /// The block of view `i` in float32.
  const TensorView& wide(int i) const { return tensors_[static_cast<std::size_t>(i)].wide; }
  const TensorView* pointer(int i) const { return tensors_[static_cast<std::size_t>(i)].whole ? &wide(i) : nullptr; }
  void widen(int i) const;
  void narrow(int i) const;
  float* more() const { return more_; }

 private:
  struct Tensor {
    std::optional<TensorView> whole;
    TensorView wide;
    float* room = nullptr;  // of a bfloat16 tensor
    std::int64_t each = 0;  // elements of a picture
  };

  ExecContext& ctx_;
  const bool by_rows_;
  std::vector<Tensor> tensors_;
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
