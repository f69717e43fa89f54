// exp, log and log1p on vectors, about 1-2 units in the last place (polynomials of the Cephes library, S. L. Moshier).
#pragma once
#include "kernels/cpu/simd/vec.h"

namespace fledge::cpu::FLEDGE_ISA {
namespace {

/// 2^n for -126 <= n <= 127.
FLEDGE_INLINE V power_of_two(VI n) { return as_float((n + 127) << 23); }

/// e^x; overflows to infinity and underflows through the denormals like the scalar function; NaN stays NaN.
FLEDGE_INLINE V exp(V x) {
  x = clamp(set1(-105.0f), set1(90.0f), x);
  const VI n = round_int(x * 1.44269504088896341f);
  const V nf = to_float(n);
  V r = fma(nf, set1(-0.693359375f), x);
  r = fma(nf, set1(2.12194440e-4f), r);
  V p = set1(1.9875691500e-4f);
  p = fma(p, r, set1(1.3981999507e-3f));
  p = fma(p, r, set1(8.3334519073e-3f));
  p = fma(p, r, set1(4.1665795894e-2f));
  p = fma(p, r, set1(1.6666665459e-1f));
  p = fma(p, r, set1(5.0000001201e-1f));
  p = fma(p, r * r, r) + 1.0f;
  const VI half = n >> 1;  // in two steps, as 2^n itself may lie outside the normal numbers
  return p * power_of_two(half) * power_of_two(n - half);
}

/// Natural logarithm; log(0) = -infinity, negative numbers give NaN.
FLEDGE_INLINE V log(V x) {
  const VI tiny = x < 1.17549435e-38f;
  const V scaled = select(tiny, x * 8388608.0f, x);
  VI e = ((as_int(scaled) >> 23) & 0xff) - 126 - (tiny & 23);
  V m = as_float((as_int(scaled) & 0x007fffff) | 0x3f000000);  // [0.5, 1)
  const VI small = m < 0.707106781186547524f;
  e = e + small;  // an all-ones mask is -1
  m = m - 1.0f + keep(small, m);
  const V z = m * m;
  V p = set1(7.0376836292e-2f);
  p = fma(p, m, set1(-1.1514610310e-1f));
  p = fma(p, m, set1(1.1676998740e-1f));
  p = fma(p, m, set1(-1.2420140846e-1f));
  p = fma(p, m, set1(1.4249322787e-1f));
  p = fma(p, m, set1(-1.6668057665e-1f));
  p = fma(p, m, set1(2.0000714765e-1f));
  p = fma(p, m, set1(-2.4999993993e-1f));
  p = fma(p, m, set1(3.3333331174e-1f));
  const V ef = to_float(e);
  V y = p * m * z;
  y = fma(ef, set1(-2.12194440e-4f), y);
  y = fma(set1(-0.5f), z, y);
  V r = m + y;
  r = fma(ef, set1(0.693359375f), r);
  const V inf = set1(__builtin_inff());
  r = select(x == inf, inf, r);
  r = select(x == 0.0f, -inf, r);
  return select((x < 0.0f) | (x != x), set1(__builtin_nanf("")), r);
}

/// log(1 + u) for 0 <= u <= 1, without losing small u.
FLEDGE_INLINE V log1p_unit(V u) {
  const V w = u + 1.0f;
  return log(w) + (u - (w - 1.0f)) / w;
}

}  // namespace
}  // namespace fledge::cpu::FLEDGE_ISA
