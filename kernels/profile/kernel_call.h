// One call of a kernel seen from outside: which problem it was, and how much arithmetic and memory traffic the problem
// asks for at least, whatever the implementation does.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "kernels/profile/kernel_list.h"

namespace fledge {

struct KernelCall {
  std::string descriptor;  // "n32c64h56w56k64r3s3 stride1x1 ...", "m32n512k2048 tb", "32x64x56x56:bf16 64"
  double bytes = 0;        // every tensor once; what is updated in place twice
  double flops = 0;        // multiplications and additions of convolutions and matrix products; else 0
};

/// Takes a kernel's arguments one after the other. An argument of a new type must be given a place here to compile.
class CallReader {
 public:
  void add(const TensorView& t);
  void add(const TensorView* t) {
    if (t) add(*t);
  }
  void add(const ConvEpilogue& e);
  void add(const SeparableEpilogue& e);
  void add(const BatchNormBackwardArgs& a);
  void add(const BatchNormGrads& g);
  void add(const BatchNormPointwiseArgs& a);
  void add(const BatchNormPointwiseGrads& g);
  void add(const StepScalars& s);
  void add(std::span<const TensorView> tensors);
  void add(std::span<const OptimTensor> tensors);
  void add(UnaryOp op);
  void add(BinaryOp op);
  void add(ReduceOp op);

  void add(bool) {}
  void add(double) {}
  void add(std::int64_t) {}
  void add(const Conv2dParams&) {}
  void add(const BatchNormParams&) {}
  void add(const Pool2dParams&) {}
  void add(const MatmulParams&) {}
  void add(const UnaryParams&) {}
  void add(const PairwiseDistanceParams&) {}
  void add(const TripletParams&) {}
  void add(const SgdParams&) {}
  void add(const AdamParams&) {}
  void add(const NormalizeParams&) {}

  /// Bytes of all tensors so far, and their shapes as text, each once.
  KernelCall call() const { return {text_, bytes_, 0}; }

 private:
  void word(const std::string& text);

  std::vector<const void*> seen_;
  std::vector<std::string> words_;
  std::string text_;  // the words
  double bytes_ = 0;
};

/// Bytes of the elements behind a view: an axis of stride 0 counts once.
double bytes_behind(const TensorView& t);
/// The problem and arithmetic of a convolution; y: the tensor of the output's shape, w: of the weight's.
void set_convolution(KernelCall& call, const TensorView& x, const TensorView& w, const TensorView& y,
                     const Conv2dParams& p);
void set_separable(KernelCall& call, const TensorView& x, const TensorView& depthwise, const TensorView& pointwise,
                   const TensorView& y, const Conv2dParams& p);
void set_pixels_convolution(KernelCall& call, const TensorView& pixels, const TensorView& w, const TensorView& y,
                            const Conv2dParams& p);
/// Both gradients of the convolution, as far as they are wanted.
void set_pointwise_backward(KernelCall& call, const BatchNormPointwiseArgs& in, const BatchNormPointwiseGrads& out);
void set_matmul(KernelCall& call, const TensorView& a, const TensorView& c, const MatmulParams& p);

template <class Entry, class... Arguments>
KernelCall call_of(const Arguments&... arguments) {
  CallReader reader;
  (reader.add(arguments), ...);
  KernelCall call = reader.call();
  [[maybe_unused]] const std::tuple<const Arguments&...> a(arguments...);
  if constexpr (Entry::work == Work::ConvForward)
    set_convolution(call, std::get<0>(a), std::get<1>(a), std::get<3>(a), std::get<4>(a));
  else if constexpr (Entry::work == Work::ConvForwardMoments)
    set_convolution(call, std::get<0>(a), std::get<1>(a), std::get<3>(a), std::get<5>(a));
  else if constexpr (Entry::work == Work::SeparableConv)
    set_separable(call, std::get<0>(a), std::get<1>(a), std::get<2>(a), std::get<4>(a), std::get<5>(a));
  else if constexpr (Entry::work == Work::PixelsConv)
    set_pixels_convolution(call, std::get<0>(a), std::get<2>(a), std::get<4>(a), std::get<5>(a));
  else if constexpr (Entry::work == Work::ConvGradInput)  // dy, w, dx
    set_convolution(call, std::get<2>(a), std::get<1>(a), std::get<0>(a), std::get<3>(a));
  else if constexpr (Entry::work == Work::ConvGradWeight)  // dy, x, dw
    set_convolution(call, std::get<1>(a), std::get<2>(a), std::get<0>(a), std::get<3>(a));
  else if constexpr (Entry::work == Work::NormPointwise)  // ..., w, y, y_moments
    set_convolution(call, std::get<0>(a), std::get<8>(a), std::get<9>(a), {});
  else if constexpr (Entry::work == Work::NormPointwiseBackward)
    set_pointwise_backward(call, std::get<0>(a), std::get<1>(a));
  else if constexpr (Entry::work == Work::Matmul)
    set_matmul(call, std::get<0>(a), std::get<3>(a), std::get<4>(a));
  return call;
}

}  // namespace fledge
