// Losses on what happens inside the networks: the maps after their stages. Maps of student and teacher may differ in
// size: the teacher's are brought to the student's (maps.h). The teacher's have no gradient.
#pragma once

#include "nn/losses/loss.h"

namespace fledge {

/// Hint (Romero et al. 2015, "FitNets: Hints for Thin Deep Nets", eq. 3, as in the code of Park et al. 2019):
/// mean (W * A_S - A_T)^2 over all elements. a: student N,C,H,W  w: C',C,1,1 (trained)  teacher: N,C',H',W'.
/// normalize: divided by the mean of A_T^2, so that stages and teachers of any scale weigh alike.
/// numbers: hint_error, always divided so: 1 is what W = 0 reaches.
/// Errors (Usage): sizes that do not fit.
LossOutput hint(const Variable& a, const Variable& w, const Tensor& teacher, bool normalize);

/// Attention transfer (Zagoruyko and Komodakis 2017, "Paying More Attention to Attention", eq. 2 with p = 2, as in the
/// code of Park et al. 2019): mean (q_S - q_T)^2 over pictures and pixels, q = v / |v|, v = mean of A^2 over channels,
/// as a vector of pixels. Where sizes differ it is the teacher's v that is resized. a: N,C,H,W  teacher: N,C',H',W'; C
/// and C' may differ. numbers: attention_agreement, the mean cosine of q_S and q_T.
/// Errors (Usage): sizes that do not fit.
LossOutput attention(const Variable& a, const Tensor& teacher);

}  // namespace fledge
