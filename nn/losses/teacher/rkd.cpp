#include "nn/losses/teacher/rkd.h"

#include "autograd/ops/distance.h"
#include "autograd/ops/eltwise.h"
#include "autograd/ops/reduce.h"
#include "nn/losses/counts.h"
#include "nn/losses/function_loss.h"
#include "nn/losses/teacher/rows.h"
#include "tensor/ops/distance.h"
#include "tensor/ops/eltwise.h"

namespace fledge {

LossOutput rkd_distance(const Variable& f, const Tensor& g) {
  check_teacher_pairs("rkd_distance", f.value(), g);
  const double n = static_cast<double>(f.dim(0));
  const Tensor teacher = g.to(f.value().dtype());
  const Variable error = over_mean(pairwise_distance(f, f)) - over_mean(Variable(pairwise_distance(teacher, teacher)));
  return {affine(sum(huber(error)), 1 / (n * n), 0), {{"distance_error", total_of(abs(error.value()), n * (n - 1))}}};
}

LossEntry rkd_distance_entry() {
  return {"rkd-distance",
          LossKind::Teacher,
          "student distances over their mean near the teacher's over theirs (Park et al. 2019)",
          {},
          [](const OptionReader& read, const LossSetup&) { return loss_of_teacher(read.loss(), rkd_distance); }};
}

}  // namespace fledge
