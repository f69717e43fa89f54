#include "kernels/onednn/choose.h"

#include <cstring>

#include "kernels/api/autotune.h"
#include "kernels/api/reproducibility.h"

namespace fledge::onednn {
namespace {

int wanted(std::int64_t work) {
  constexpr std::int64_t kTiny = 1'000'000;  // 20 microseconds: building another primitive costs more than it gains
  return autotune() == Autotune::Full && !thread_invariant() && work > kTiny ? 3 : 1;
}

bool has(const char* implementation, const char* part) { return std::strstr(implementation, part) != nullptr; }

}  // namespace

Verdict judge(const ConvKey& key, const char* implementation) {
  const bool pointwise = key.r == 1 && key.s == 1;
  const bool strided = key.stride_h > 1 || key.stride_w > 1;
  // The 1x1 kernel first gathers the strided pixels into a scratchpad it sizes by the channel count, then writes whole
  // vectors: with fewer channels than a vector has lanes it writes past the end (oneDNN 2.6, 3.2 and 3.13, upstream
  // #6035).
  if (key.direction == ConvDirection::GradWeight && pointwise && strided && key.c / key.groups < 16 &&
      has(implementation, key.data() == DType::BFloat16 ? "1x1" : "jit_1x1"))
    return Verdict::Wrong;
  if (has(implementation, "ref")) return Verdict::Slow;  // plain loops
  // Never faster than the next one by more than 3 %, up to 20 % slower for 1x1, ten times for depthwise.
  if (key.direction == ConvDirection::GradInput && strided && has(implementation, "brgconv_strided"))
    return Verdict::Slow;
  return Verdict::Take;
}

Verdict judge(const MatmulKey&, const char* implementation) {
  return has(implementation, "ref") ? Verdict::Slow : Verdict::Take;
}

int candidates_wanted(const ConvKey& key) {
  if (key.epilogue & kResidualInPlace) return 1;  // running it twice would add the residual twice
  return wanted(key.work());
}

int candidates_wanted(const MatmulKey& key) { return wanted(key.work()); }

}  // namespace fledge::onednn
