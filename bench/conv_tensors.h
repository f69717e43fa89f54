// One convolution problem of a bench: its useful flops, its tensors. Uses kernels only.
#pragma once
#include <cstdlib>
#include <memory>
#include <random>
#include <string>

#include "base/error.h"
#include "kernels/api/kernel_table.h"
#include "kernels/plan/conv_case.h"

namespace fledge::bench {

/// Multiply-adds times two, without the taps that fall on padding: what a kernel must do, not what it may waste.
inline double useful_flops(const ConvCase& c) {
  auto taps = [](std::int64_t in, std::int64_t out, std::int64_t filter, int stride, int pad) {
    double count = 0;
    for (std::int64_t o = 0; o < out; ++o)
      for (std::int64_t f = 0; f < filter; ++f) {
        const std::int64_t at = o * stride - pad + f;
        count += at >= 0 && at < in;
      }
    return count;
  };
  const Dims y = c.y();
  return 2.0 * static_cast<double>(y[0] * y[1] * c.w[1]) *
         taps(c.x[2], y[2], c.w[2], c.params.stride_h, c.params.pad_top) *
         taps(c.x[3], y[3], c.w[3], c.params.stride_w, c.params.pad_left);
}

/// A float32 tensor with its own memory, channels-last when it has four axes.
class Buffer {
 public:
  explicit Buffer(const Dims& dims) {
    const std::size_t bytes = (static_cast<std::size_t>(dims.numel()) * sizeof(float) + 63) / 64 * 64;
    memory_.reset(static_cast<float*>(std::aligned_alloc(64, bytes)));
    if (!memory_) throw Error(ErrorKind::Resource, "bench", "no memory for " + to_string(dims), "use --batch");
    view.data = memory_.get();
    view.dims = dims;
    view.strides = dims.rank() == 4 ? channels_last_strides(dims) : contiguous_strides(dims);
    view.holder = holder_.get();
  }
  void fill(unsigned seed) {
    std::mt19937 random(seed);
    for (std::int64_t i = 0; i < view.numel(); ++i)
      view.as<float>()[i] = static_cast<float>(random() >> 8) * 0x1p-23f - 1.0f;
  }

  TensorView view;

 private:
  struct Free {
    void operator()(float* p) const { std::free(p); }
  };
  std::unique_ptr<float, Free> memory_;
  std::unique_ptr<SlotHolder> holder_ = std::make_unique<SlotHolder>();
};

enum class Direction { Forward, Fused, GradInput, GradWeight };

inline const char* name_of(Direction d) {
  switch (d) {
    case Direction::Forward:
      return "forward";
    case Direction::Fused:
      return "fused";
    case Direction::GradInput:
      return "grad_input";
    case Direction::GradWeight:
      return "grad_weight";
  }
  return "?";
}

/// The tensors of one problem. The result of a direction goes to x, w or y of `out`.
struct ConvTensors {
  explicit ConvTensors(const ConvCase& c)
      : x(c.x), w(c.w), y(c.y()), bias({c.w[0]}), out_x(c.x), out_w(c.w), out_y(c.y()) {
    x.fill(1), w.fill(2), y.fill(3), bias.fill(4);
  }
  void run(const KernelTable& table, ExecContext& ctx, Direction d, const Conv2dParams& p) {
    switch (d) {
      case Direction::Forward:
        return table.conv.forward(ctx, x.view, w.view, nullptr, out_y.view, p);
      case Direction::Fused:
        return table.conv.forward_fused(ctx, x.view, w.view, {.bias = &bias.view, .activation = Activation::ReLU},
                                        out_y.view, p);
      case Direction::GradInput:
        return table.conv.grad_input(ctx, y.view, w.view, out_x.view, p);
      case Direction::GradWeight:
        return table.conv.grad_weight(ctx, y.view, x.view, out_w.view, p);
    }
  }
  Buffer& result(Direction d) { return d == Direction::GradInput ? out_x : d == Direction::GradWeight ? out_w : out_y; }

  Buffer x, w, y, bias, out_x, out_w, out_y;
};

inline bool has_entry(const KernelTable& table, Direction d) {
  switch (d) {
    case Direction::Forward:
      return table.conv.forward;
    case Direction::Fused:
      return table.conv.forward_fused;
    case Direction::GradInput:
      return table.conv.grad_input;
    case Direction::GradWeight:
      return table.conv.grad_weight;
  }
  return false;
}

}  // namespace fledge::bench
