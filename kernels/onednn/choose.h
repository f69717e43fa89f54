// Which of a problem's implementations runs. oneDNN offers several for one problem (next_impl()); its first is not
// always the fastest, and one overruns its memory.
//
// Default: the first one that the rules below accept. The choice depends on the problem, the instruction set and the
// thread count only, so a run gives the same bits every time on one machine.
// --autotune full: the first use of a problem times up to three accepted ones, and the fastest is kept (kernels/plan,
// Choices). Implementations round differently and the winner of a near tie is chance, so two runs may then differ in
// the last bits, unless one takes the other's choices.
#pragma once
#include "kernels/onednn/plan.h"

namespace fledge::onednn {

enum class Verdict {
  Take,
  Slow,   // only when nothing else is left
  Wrong,  // never
};

/// Judges an implementation by the vendor's name for it.
Verdict judge(const ConvKey& key, const char* implementation);
Verdict judge(const MatmulKey& key, const char* implementation);
/// How many implementations are worth building: 1, or 3 with --autotune full where the problem is not tiny.
int candidates_wanted(const ConvKey& key);
int candidates_wanted(const MatmulKey& key);

}  // namespace fledge::onednn
