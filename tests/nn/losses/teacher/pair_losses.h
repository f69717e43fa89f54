// PairLoss: every loss of student and teacher embeddings, for the tests that hold all of them to one property.
#pragma once
#include <functional>
#include <utility>
#include <vector>

#include "nn/losses/loss.h"
#include "tests/nn/losses/batches.h"

namespace fledge::test {

Tensor random_normal(const Dims& dims, std::uint64_t seed, DType dtype = DType::Float64);

struct PairLoss {
  const char* name;
  std::function<LossOutput(const Variable&, const Tensor&)> of;
  bool zero_at_teacher, any_scale;  // value 0 where student = teacher; the same for a scaled student
};

/// Every loss of student and teacher embeddings in rkd.h, ranking.h and similarity.h.
const std::vector<PairLoss>& pair_losses();
bool is_pkt(const PairLoss& loss);
/// What may be left of a gradient that is 0 on paper. PKT's eps of 1e-7 stands beside norms and probabilities, which
/// moves its minimum by as much.
double trace(const PairLoss& loss);

/// The value, and the largest element of the gradient (infinity where one is not finite).
std::pair<double, double> value_and_gradient(const PairLoss& loss, const Tensor& f, const Tensor& g);

}  // namespace fledge::test
