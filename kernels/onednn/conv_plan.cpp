#include "kernels/onednn/conv_plan.h"

namespace fledge::onednn {
namespace {

using dnnl::memory;
constexpr auto kDirect = dnnl::algorithm::convolution_direct;

/// The descriptors all three directions share.
struct Shapes {
  memory::desc x, y, bias, any_w, plain_w;
  memory::desc any_dw, plain_dw;  // gradients of weights are float32 whatever the activations are
  memory::dims stride, pad_begin, pad_end;

  explicit Shapes(const ConvKey& key)
      : stride{key.stride_h, key.stride_w},
        pad_begin{key.pad_top, key.pad_left},
        pad_end{key.pad_bottom, key.pad_right} {
    const memory::data_type type = data_type_of(key.dtype);
    x = memory::desc({key.n, key.c, key.h, key.w}, type, memory::format_tag::nhwc);
    y = memory::desc({key.n, key.k, key.p(), key.q()}, type, memory::format_tag::nhwc);
    bias = memory::desc({key.k}, memory::data_type::f32, memory::format_tag::a);
    const std::int64_t c = key.c / key.groups, k = key.k / key.groups;  // per group
    // Stored K,R,S,C; with groups the K axis is split in two.
    memory::dims dims{k, c, key.r, key.s}, strides{key.r * key.s * c, 1, key.s * c, c};
    if (key.groups > 1) {
      dims.insert(dims.begin(), key.groups);
      strides.insert(strides.begin(), k * strides[0]);
    }
    plain_w = memory::desc(dims, type, strides);
    any_w = memory::desc(dims, type, memory::format_tag::any);
    plain_dw = memory::desc(dims, memory::data_type::f32, strides);
    any_dw = memory::desc(dims, memory::data_type::f32, memory::format_tag::any);
  }
};

dnnl::primitive_attr user_scratchpad() {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

dnnl::primitive_attr epilogue_attr(const ConvKey& key, const memory::desc& y) {
  dnnl::primitive_attr attr = user_scratchpad();
  dnnl::post_ops ops;
  // A residual that already lies in y is summed up there. Another one is read by the kernel: that saves copying it into
  // y.
  if (key.epilogue & kResidualInPlace) ops.append_sum(1.0f);
  if (key.epilogue & kResidual) ops.append_binary(dnnl::algorithm::binary_add, y);
  if (key.epilogue & kReLU) ops.append_eltwise(dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
  if (key.epilogue & kReLU6) ops.append_eltwise(dnnl::algorithm::eltwise_clip, 0.0f, 6.0f);
  attr.set_post_ops(ops);
  return attr;
}

dnnl::convolution_forward::primitive_desc forward_desc(const ConvKey& key, const Shapes& s, dnnl::prop_kind kind,
                                                       const dnnl::primitive_attr& attr) {
  if (key.epilogue & kBias)
    return {engine(), kind, kDirect, s.x, s.any_w, s.bias, s.y, s.stride, s.pad_begin, s.pad_end, attr};
  return {engine(), kind, kDirect, s.x, s.any_w, s.y, s.stride, s.pad_begin, s.pad_end, attr};
}

/// oneDNN wants a forward descriptor beside the backward ones. It must outlive them: next_impl() looks at it again.
dnnl::convolution_forward::primitive_desc hint(const ConvKey& key, const Shapes& s) {
  return forward_desc(key, s, dnnl::prop_kind::forward_training, {});
}

template <class Primitive, class Desc>
std::unique_ptr<Plan> start_plan(const Desc& pd) {
  auto plan = std::make_unique<Plan>();
  plan->main = Executable(Primitive(pd));
  plan->scratch = pd.scratchpad_desc().get_size();
  plan->implementation = pd.impl_info_str();
  return plan;
}

}  // namespace

PlanList conv_forward_plans(const ConvKey& key) {
  const Shapes s(key);
  auto describe = [&] { return forward_desc(key, s, dnnl::prop_kind::forward_inference, epilogue_attr(key, s.y)); };
  return build_plans(key, describe, [&](const dnnl::convolution_forward::primitive_desc& pd) {
    auto plan = start_plan<dnnl::convolution_forward>(pd);
    plan->main.add(DNNL_ARG_SRC, s.x);
    plan->main.add(DNNL_ARG_WEIGHTS, pd.weights_desc());
    plan->main.add(DNNL_ARG_DST, s.y);
    plan->main.add(DNNL_ARG_SCRATCHPAD, pd.scratchpad_desc());
    if (key.epilogue & kBias) plan->main.add(DNNL_ARG_BIAS, s.bias);
    if (key.epilogue & kResidual) plan->main.add(DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, s.y);
    plan_packing(*plan, s.plain_w, pd.weights_desc(), /*unpack=*/false);
    return plan;
  });
}

PlanList conv_grad_input_plans(const ConvKey& key) {
  const Shapes s(key);
  const auto forward = hint(key, s);
  auto describe = [&] {
    return dnnl::convolution_backward_data::primitive_desc(engine(), kDirect, s.x, s.any_w, s.y, s.stride, s.pad_begin,
                                                           s.pad_end, forward, user_scratchpad());
  };
  return build_plans(key, describe, [&](const dnnl::convolution_backward_data::primitive_desc& pd) {
    auto plan = start_plan<dnnl::convolution_backward_data>(pd);
    plan->main.add(DNNL_ARG_DIFF_DST, s.y);
    plan->main.add(DNNL_ARG_WEIGHTS, pd.weights_desc());
    plan->main.add(DNNL_ARG_DIFF_SRC, s.x);
    plan->main.add(DNNL_ARG_SCRATCHPAD, pd.scratchpad_desc());
    plan_packing(*plan, s.plain_w, pd.weights_desc(), /*unpack=*/false);
    return plan;
  });
}

PlanList conv_grad_weight_plans(const ConvKey& key) {
  const Shapes s(key);
  const auto forward = hint(key, s);
  auto describe = [&] {
    return dnnl::convolution_backward_weights::primitive_desc(engine(), kDirect, s.x, s.any_dw, s.y, s.stride,
                                                              s.pad_begin, s.pad_end, forward, user_scratchpad());
  };
  return build_plans(key, describe, [&](const dnnl::convolution_backward_weights::primitive_desc& pd) {
    auto plan = start_plan<dnnl::convolution_backward_weights>(pd);
    plan->main.add(DNNL_ARG_DIFF_DST, s.y);
    plan->main.add(DNNL_ARG_SRC, s.x);
    plan->main.add(DNNL_ARG_DIFF_WEIGHTS, pd.diff_weights_desc());
    plan->main.add(DNNL_ARG_SCRATCHPAD, pd.scratchpad_desc());
    plan_packing(*plan, s.plain_dw, pd.diff_weights_desc(), /*unpack=*/true);
    return plan;
  });
}

}  // namespace fledge::onednn
