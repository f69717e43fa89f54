#include "nn/losses/teacher/rkd.h"

#include "autograd/ops/distance.h"
#include "autograd/ops/eltwise.h"
#include "autograd/ops/reduce.h"
#include "nn/losses/entries.h"
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

namespace {

class RkdLoss : public Loss {
 public:
  explicit RkdLoss(bool angle) : angle_(angle) {}
  const char* name() const override { return angle_ ? "rkd-angle" : "rkd-distance"; }
  LossNeeds needs() const override { return {.teacher_embedding = true}; }
  bool runs_on_device() const override { return true; }
  LossOutput forward(const LossInput& input) const override {
    const Tensor& g = teacher_embedding(input, name());
    return angle_ ? rkd_angle(input.student.embedding, g) : rkd_distance(input.student.embedding, g);
  }

 private:
  bool angle_;
};

LossEntry entry(bool angle, const char* summary) {
  return {LossKind::Teacher, summary, {}, [angle](const LossOptions&, const LossSetup&) -> std::shared_ptr<Loss> {
            return std::make_shared<RkdLoss>(angle);
          }};
}

}  // namespace

LossEntries rkd_entries() {
  return {{"rkd-distance",
           entry(false, "student distances over their mean near the teacher's over theirs (Park et al. 2019)")},
          {"rkd-angle", entry(true, "angles of all triples of pictures near the teacher's (Park et al. 2019)")}};
}

}  // namespace fledge
