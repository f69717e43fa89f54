// One copy of a hot function for each instruction set; the loader takes the best one. Private to nn/metrics/. The
// functions so marked give the same results in every copy: comparisons and counts, or sums in a fixed order (the
// project compiles as ISO C++, so that products and sums are not contracted).
#pragma once

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define FLEDGE_FOR_EACH_ISA __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define FLEDGE_FOR_EACH_ISA
#endif
