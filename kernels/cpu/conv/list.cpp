// The implementations of a convolution on the CPU, and which of them computes a call.
#include <array>
#include <bit>

#include "kernels/cpu/column_sums.h"
#include "kernels/cpu/conv/measured.h"
#include "kernels/cpu/conv/pixels.h"
#include "kernels/cpu/conv/separable.h"
#include "kernels/cpu/overlays.h"

namespace fledge::cpu {
namespace {

struct Row {
  const ConvImplementation& implementation;
  KernelSet set;  // the first that has it
};

/// Fastest first; the reference refuses nothing. The first that takes a call computes it.
constexpr std::array kImplementations{
    Row{kInt16Winograd4, KernelSet::Simd}, Row{kInt16Winograd2, KernelSet::Simd},
    Row{kInt8, KernelSet::Simd},           Row{kInt16, KernelSet::Simd},
    Row{kDepthwise, KernelSet::Simd},      Row{kFewChannels, KernelSet::Simd},
    Row{kWinograd4, KernelSet::Simd},      Row{kWinograd2, KernelSet::Simd},
    Row{kPointwise, KernelSet::Simd},      Row{kProductGradWeight, KernelSet::Simd},
    Row{kOneDnn, KernelSet::OneDnn},       Row{kReference, KernelSet::Ref},
};

/// In whole numbers, or in fewer bits, than the call allows: not worth a word.
bool not_asked(const Row& row, const ConvCall& call) { return row.implementation.precision > call.precision; }

const char* refusal(KernelSet set, const Row& row, const ConvCall& call) {
  if (not_asked(row, call)) return "another precision";
  return row.set > set ? "not in this set of kernels" : row.implementation.refuses(call);
}

/// Why the rule does not take it.
const char* against(KernelSet set, const Row& row, const ConvCall& call) {
  if (const char* reason = refusal(set, row, call)) return reason;
  return row.implementation.unfit ? row.implementation.unfit(call) : nullptr;
}

const ConvImplementation& by_rule(KernelSet set, const ConvCall& call) {
  for (const Row& row : kImplementations)
    if (!against(set, row, call)) return row.implementation;
  return kReference;
}

/// The rule's choice stands first: it is kept where times are nearly equal. The reference is measured by nobody: it may
/// take seconds.
const ConvImplementation& by_clock(MeasuredChoice& choice, KernelSet set, ExecContext& ctx, const ConvCall& call) {
  const ConvImplementation& rule = by_rule(set, call);
  if (&rule == &kReference) return rule;
  std::array<const ConvImplementation*, kImplementations.size()> takers{&rule};
  std::size_t count = 1;
  for (const Row& row : kImplementations)
    if (&row.implementation != &rule && &row.implementation != &kReference && !refusal(set, row, call))
      takers[count++] = &row.implementation;
  return choice.of(ctx, call, std::span(takers).first(count));
}

void tell(KernelReport& report, KernelSet set, const ConvCall& call, const ConvImplementation& taken) {
  report.implementation = taken.name;
  for (const Row& row : kImplementations) {
    if (&row.implementation == &taken) break;
    if (const char* reason = not_asked(row, call) ? nullptr : against(set, row, call))
      report.refused += std::string(report.refused.empty() ? "" : "; ") + row.implementation.name + ": " + reason;
  }
}

void run(KernelSet set, ExecContext& ctx, const ConvCall& call) {
  MeasuredChoice* const clock = measured_choice();
  const ConvImplementation& taken = clock ? by_clock(*clock, set, ctx, call) : by_rule(set, call);
  if (ctx.report) tell(*ctx.report, set, call, taken);
  if (call.moments) call.moments->forget();  // what the clock's tries gathered
  taken.run(ctx, call);
}

// --- table entries, one copy per set ---------------------------------------------------------------------------------

template <KernelSet S>
void forward(ExecContext& ctx, const TensorView& x, const TensorView& w, const TensorView* bias, const TensorView& y,
             const Conv2dParams& p) {
  run(S, ctx, {ConvDirection::Forward, x, w, y, p, {.bias = bias}});
}
template <KernelSet S>
void forward_moments(ExecContext& ctx, const TensorView& x, const TensorView& w, const TensorView* bias,
                     const TensorView& y, const TensorView& moments, const Conv2dParams& p) {
  if (!is_channels_last(y) || y.numel() == 0) return reference().conv.forward_moments(ctx, x, w, bias, y, moments, p);
  OutputMoments gathered(y.numel() / y.dims[1], y.dims[1]);
  run(S, ctx, {ConvDirection::Forward, x, w, y, p, {.bias = bias}, false, Precision::Strict, &gathered});
  if (!gathered.begun()) gathered.pass(ctx, y.as<float>());
  gathered.write(moments.as<double>());
}
template <KernelSet S>
void forward_fused(ExecContext& ctx, const TensorView& x, const TensorView& w, const ConvEpilogue& e,
                   const TensorView& y, const Conv2dParams& p) {
  run(S, ctx, {ConvDirection::Forward, x, w, y, p, e, true, ctx.precision});
}
template <KernelSet S>
void grad_input(ExecContext& ctx, const TensorView& dy, const TensorView& w, const TensorView& dx,
                const Conv2dParams& p) {
  run(S, ctx, {ConvDirection::GradInput, dx, w, dy, p});
}
template <KernelSet S>
void grad_weight(ExecContext& ctx, const TensorView& dy, const TensorView& x, const TensorView& dw,
                 const Conv2dParams& p) {
  run(S, ctx, {ConvDirection::GradWeight, x, dw, dy, p});
}

void grad_bias(ExecContext& ctx, const TensorView& dy, const TensorView& db) {
  const std::int64_t c = dy.dims[1], rows = c ? dy.numel() / c : 0;
  if (rows == 0 || !is_channels_last(dy)) return reference().conv.grad_bias(ctx, dy, db);
  const double* sums = column_sums(ctx, dy.as<float>(), rows, c);
  for (std::int64_t k = 0; k < c; ++k) db.as<float>()[k] = static_cast<float>(sums[k]);
}

template <KernelSet S>
void separable_fused(ExecContext& ctx, const TensorView& x, const TensorView& depthwise, const TensorView& pointwise,
                     const SeparableEpilogue& e, const TensorView& y, const Conv2dParams& p) {
  if (separable_by_strips(ctx, x, depthwise, pointwise, e, y, p)) return;
  separable_in_two(&forward_fused<S>, ctx, x, depthwise, pointwise, e, y, p);
}

/// Where the clock chooses, it chooses among convolutions of numbers.
template <KernelSet S>
void pixels_fused(ExecContext& ctx, const TensorView& pixels, const NormalizeParams& normalize, const TensorView& w,
                  const ConvEpilogue& e, const TensorView& y, const Conv2dParams& p) {
  if (!measured_choice() && pixels_by_rows(ctx, pixels, normalize, w, e, y, p)) return;
  pixels_normalized_first(&forward_fused<S>, ctx, pixels, normalize, w, e, y, p);
}

template <KernelSet S>
void overlay(ConvKernels& conv) {
  conv = {.forward = &forward<S>,
          .forward_moments = S == KernelSet::Ref ? conv.forward_moments : &forward_moments<S>,
          .grad_input = &grad_input<S>,
          .grad_weight = &grad_weight<S>,
          .grad_bias = S == KernelSet::Ref ? conv.grad_bias : &grad_bias,
          .forward_fused = &forward_fused<S>,
          .separable_fused = S == KernelSet::Ref ? conv.separable_fused : &separable_fused<S>,
          .pixels_fused = S == KernelSet::Ref ? conv.pixels_fused : &pixels_fused<S>};
}

}  // namespace

const ConvImplementation& direct(const ConvCall& call) { return kOneDnn.refuses(call) ? kReference : kOneDnn; }

bool all_finite(const TensorView& t) {
  constexpr std::uint32_t kExponent = 0x7F800000;  // all ones in NaN and infinity
  const auto* v = static_cast<const float*>(t.data);
  std::uint32_t broken = 0;
  for (std::int64_t i = 0, n = t.numel(); i < n; ++i)
    broken |= (std::bit_cast<std::uint32_t>(v[i]) & kExponent) == kExponent;
  return broken == 0;
}

void overlay_conv(KernelTable& t, KernelSet set) {
  switch (set) {
    case KernelSet::Ref:
      return overlay<KernelSet::Ref>(t.conv);
    case KernelSet::Simd:
      return overlay<KernelSet::Simd>(t.conv);
    case KernelSet::OneDnn:
      return overlay<KernelSet::OneDnn>(t.conv);
  }
}

}  // namespace fledge::cpu
