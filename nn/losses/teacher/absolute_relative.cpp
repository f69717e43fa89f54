#include "nn/losses/teacher/absolute_relative.h"

#include <cmath>

#include "autograd/grad_mode.h"
#include "autograd/ops/ops.h"
#include "nn/losses/function_loss.h"
#include "nn/losses/teacher/rows.h"
#include "tensor/ops/distance.h"
#include "tensor/random.h"

namespace fledge {
namespace {

constexpr double kEpsInside = 1e-6;  // PyTorch 0.3's F.pairwise_distance

[[noreturn]] void refuse_sizes(std::int64_t student, std::int64_t teacher) {
  throw Error(
      ErrorKind::Usage, "absolute_teacher",
      "the student's embedding has " + std::to_string(student) + " numbers, the teacher's " + std::to_string(teacher),
      "use --projection auto, a trained map from the one to the other, or --embedding " + std::to_string(teacher) +
          " for the student, or the relative teacher, which takes any two sizes");
}

}  // namespace

Variable absolute_teacher(const Variable& f, const Tensor& g, AbsoluteForm form, bool eps_inside) {
  check_teacher_rows("absolute_teacher", f.value(), g);
  if (f.dim(1) != g.dim(1)) refuse_sizes(f.dim(1), g.dim(1));
  if (eps_inside && form != AbsoluteForm::L2)
    throw Error(ErrorKind::Usage, "absolute_teacher", "eps inside belongs to the l2 form only",
                "leave it out or use the l2 form");
  const Variable teacher(g.to(f.value().dtype()));
  if (form == AbsoluteForm::Cosine) return affine(mean(sum(l2_normalize(f) * l2_normalize(teacher), {1})), -1, 1);
  const Variable difference = f - teacher;
  if (eps_inside) return mean(sqrt(sum(square(abs(difference) + kEpsInside), {1})));
  const Variable squares = sum(square(difference), {1});
  // sqrt has gradient 0 at 0: a student equal to its teacher stays where it is instead of becoming NaN.
  return form == AbsoluteForm::Squared ? mean(squares) : mean(sqrt(squares));
}

Variable relative_teacher(const Variable& f, const Tensor& g, RelativeForm form) {
  check_teacher_pairs("relative_teacher", f.value(), g);
  const Tensor teacher = g.to(f.value().dtype());
  const Variable ds = pairwise_distance(f, f), dt(pairwise_distance(teacher, teacher));
  if (form == RelativeForm::RkdHuber) return pair_mean(huber(over_mean(ds) - over_mean(dt)));
  const Variable difference = ds - dt;
  if (form == RelativeForm::Frobenius) return sqrt(sum(square(difference)));
  return pair_mean(form == RelativeForm::MeanAbs ? abs(difference) : square(difference));
}

namespace {

class AbsoluteLoss : public Loss {
 public:
  AbsoluteLoss(AbsoluteForm form, bool eps_inside) : form_(form), eps_inside_(eps_inside) {}
  /// Compares W f, made unit length again, with the teacher's. Only its direction counts; unit length on average, so
  /// that a learning rate means the same for any size.
  void add_projection(const LossSetup& setup) {
    Generator g = Generator::of({setup.seed, 0x70726f6a656374});  // "project"
    const double spread = 1 / std::sqrt(static_cast<double>(setup.teacher_embedding));
    projection_ = &parameter("projection", rand_normal({setup.teacher_embedding, setup.embedding}, g, 0, spread));
  }
  const char* name() const override { return "absolute"; }
  LossNeeds needs() const override { return {.teacher_embedding = true}; }
  bool runs_on_device() const override { return true; }
  /// numbers: teacher_distance, the mean distance to the teacher whatever the form.
  LossOutput forward(const LossInput& input) const override {
    const Tensor& g = teacher_embedding(input, name());
    const Variable& student = input.student.embedding;
    const Variable f = projection_ ? l2_normalize(linear(student, *projection_, {})) : student;
    const Variable value = absolute_teacher(f, g, form_, eps_inside_);
    NoGradGuard no_grad;
    return {value, {{"teacher_distance", absolute_teacher(f, g, AbsoluteForm::L2).value()}}};
  }

 private:
  AbsoluteForm form_;
  bool eps_inside_;
  Variable* projection_ = nullptr;  // D',D
};

std::shared_ptr<Loss> make_absolute(const OptionReader& read, const LossSetup& setup) {
  const auto form = static_cast<AbsoluteForm>(read.choice("abs-form", {"l2", "sq", "cos"}));
  const bool eps_inside = read.flag("abs-eps-inside");
  if (eps_inside && form != AbsoluteForm::L2)
    throw Error(ErrorKind::Usage, "loss absolute", "abs-eps-inside is on but abs-form is not l2", "use abs-form l2");
  enum { kAuto, kOn, kOff };
  const int projection = read.choice("projection", {"auto", "on", "off"});
  const bool known = setup.embedding > 0 && setup.teacher_embedding > 0;
  const bool differ = known && setup.embedding != setup.teacher_embedding;
  if (projection == kOff && differ) refuse_sizes(setup.embedding, setup.teacher_embedding);
  if (projection == kOn && !known)
    throw Error(ErrorKind::Usage, "loss absolute", "a projection needs a student and a teacher, to know their sizes",
                "give a teacher, e.g. --teacher FILE");
  const auto loss = std::make_shared<AbsoluteLoss>(form, eps_inside);
  if (projection == kOn || (projection == kAuto && differ)) loss->add_projection(setup);
  return loss;
}

}  // namespace

LossEntry absolute_entry() {
  return {"absolute",
          LossKind::Teacher,
          "student embedding near the teacher's, picture by picture (abs-form: l2|sq|cos)",
          {{"abs-form", "l2"}, {"abs-eps-inside", "off"}, {"projection", "auto"}},
          make_absolute};
}

LossEntry relative_entry() {
  return {"relative",
          LossKind::Teacher,
          "student distances near the teacher's, pair by pair (rel-form: frobenius|mean_abs|mean_sq|rkd_huber)",
          {{"rel-form", "frobenius"}},
          [](const OptionReader& read, const LossSetup&) {
            const auto form =
                static_cast<RelativeForm>(read.choice("rel-form", {"frobenius", "mean_abs", "mean_sq", "rkd_huber"}));
            // numbers: distance_error, the mean over pairs of |D^S - D^T| whatever the form.
            return loss_of_teacher(read.loss(), [form](const Variable& f, const Tensor& g) {
              const Variable value = relative_teacher(f, g, form);
              NoGradGuard no_grad;
              return LossOutput{value, {{"distance_error", relative_teacher(f, g, RelativeForm::MeanAbs).value()}}};
            });
          }};
}

}  // namespace fledge
