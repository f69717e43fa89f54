#include "kernels/onednn/choose.h"

#include <cstring>
#include <string>

#include "base/environment.h"
#include "kernels/api/reproducibility.h"

namespace fledge::onednn {
namespace {

bool tuning_on() {
  static const bool on = environment_switch("FLEDGE_ONEDNN_TUNE");
  return on;
}

}  // namespace

Verdict judge(const PlanKey& key, const char* implementation) {
  auto has = [&](const char* part) { return std::strstr(implementation, part) != nullptr; };
  const bool pointwise = key.r == 1 && key.s == 1;
  const bool strided = key.stride_h > 1 || key.stride_w > 1;
  // The 1x1 kernel first gathers the strided pixels into a scratchpad it sizes by the channel count,
  // then writes whole vectors: with fewer channels than a vector has lanes it writes past the end
  // (oneDNN 2.6, 3.2 and 3.13, upstream #6035).
  if (key.op == Op::ConvGradWeight && pointwise && strided && key.c / key.groups < 16 && has("jit_1x1"))
    return Verdict::Wrong;
  if (has("ref")) return Verdict::Slow;  // plain loops
  // Never faster than the next one by more than 3 %, up to 20 % slower for 1x1, ten times for depthwise.
  if (key.op == Op::ConvGradInput && strided && has("brgconv_strided")) return Verdict::Slow;
  return Verdict::Take;
}

std::int64_t work_of(const PlanKey& key) {
  if (key.op == Op::Matmul) return key.n * key.c * key.k;
  const std::int64_t p = (key.h + key.pad_top + key.pad_bottom - key.r) / key.stride_h + 1;
  const std::int64_t q = (key.w + key.pad_left + key.pad_right - key.s) / key.stride_w + 1;
  return key.n * p * q * key.k * (key.c / key.groups) * key.r * key.s;
}

int candidates_wanted(const PlanKey& key) {
  constexpr std::int64_t kTiny =
      1'000'000;  // about 20 microseconds: building a second primitive costs more than it gains
  if (key.flags & kResidualInPlace) return 1;  // running it twice would add the residual twice
  return tuning_on() && work_of(key) > kTiny ? 3 : 1;
}

}  // namespace fledge::onednn

namespace fledge {

bool onednn_chooses_by_the_clock() { return onednn::tuning_on(); }

}  // namespace fledge
