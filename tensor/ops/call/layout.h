// Arguments in the layout a kernel demands. A copy is made only when needed,
// and FLEDGE_VERBOSE=1 prints a line for each.
#pragma once
#include "tensor/strides.h"
#include "tensor/tensor.h"

namespace fledge {

/// A kernel's argument: the tensor itself, or a copy of it in the other layout that lives as long as this object.
/// Holds a reference: the tensor must outlive it.
class LayoutArg {
 public:
  LayoutArg(const char* op, const char* name, const Tensor& t, Layout layout) : tensor_(&t) {
    if (layout == Layout::ChannelsLast ? t.is_channels_last() : t.is_contiguous()) [[likely]] {
      set_view(layout);
    } else {
      convert(op, name, layout);
    }
  }
  LayoutArg(const LayoutArg&) = delete;
  LayoutArg& operator=(const LayoutArg&) = delete;

  const TensorView& view() const { return view_; }
  operator const TensorView&() const { return view_; }
  const Tensor& tensor() const { return *tensor_; }

 private:
  // Strides of axes of size 1 are free; kernels and plan keys get the regular ones.
  void set_view(Layout layout) {
    view_ = tensor_->view();
    view_.strides = layout == Layout::ChannelsLast ? channels_last_strides(view_.dims) : contiguous_strides(view_.dims);
  }
  void convert(const char* op, const char* name, Layout layout);

  const Tensor* tensor_;
  Tensor copy_;
  TensorView view_;
};

/// Rank 4, N,H,W,C in memory.
struct ChannelsLastArg : LayoutArg {
  ChannelsLastArg(const char* op, const char* name, const Tensor& t) : LayoutArg(op, name, t, Layout::ChannelsLast) {}
};
/// Row-major.
struct ContiguousArg : LayoutArg {
  ContiguousArg(const char* op, const char* name, const Tensor& t) : LayoutArg(op, name, t, Layout::Contiguous) {}
};

/// The argument's elements in the same places as those of `model` (dense, same dims), copied if they are not.
Tensor in_layout_of(const char* op, const char* name, const Tensor& t, const Tensor& model);
/// `t` where dense, else a contiguous copy.
Tensor dense(const char* op, const char* name, const Tensor& t);
/// Channels-last beyond doubt: tensors that are both (one channel, one pixel) do not decide a result's layout.
inline bool prefers_channels_last(const Tensor& t) { return t.is_channels_last() && !t.is_contiguous(); }

}  // namespace fledge
