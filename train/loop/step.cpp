#include "train/loop/step.h"

#include "autograd/ops/device.h"
#include "autograd/ops/eltwise.h"
#include "autograd/ops/shape.h"

namespace fledge {
namespace {

ModelOutput each_of(const ModelOutput& all, const std::function<Variable(const Variable&)>& f) {
  const auto apply = [&](const Variable& v) { return v.defined() ? f(v) : v; };
  ModelOutput part;
  part.embedding = apply(all.embedding);
  part.features = apply(all.features);
  part.logits = apply(all.logits);
  for (const Variable& stage : all.feature_maps) part.feature_maps.push_back(apply(stage));
  return part;
}

ModelOutput first_rows(const ModelOutput& all, std::int64_t rows) {
  return each_of(all, [rows](const Variable& v) { return slice(v, 0, 0, rows); });
}

/// On the host, with the way back for gradients.
ModelOutput on_host(const ModelOutput& all) {
  return each_of(all, [](const Variable& v) { return to_device(v, Device{}); });
}

/// The same features on the host, made when the first loss wants them.
struct HostFeatures {
  bool made = false;
  ModelOutput student, teacher, labeled, labeled_teacher;
  Tensor labels;

  void make(const StepLosses& l, std::int64_t rows) {
    if (made) return;
    made = true;
    student = on_host(l.student);
    const bool all = rows == student.embedding.dim(0);
    labeled = all ? student : first_rows(student, rows);
    if (l.teacher.embedding.defined()) {
      teacher = on_host(l.teacher);
      labeled_teacher = all ? teacher : first_rows(teacher, rows);
    }
    labels = l.labels.to(Device{});
  }
};

/// l: StepLosses, or HostFeatures for a loss that gets its features through the host.
template <class StepFeatures>
LossInput input_of(const Loss& loss, const StepFeatures& l, std::int64_t step) {
  const bool labels = loss.needs().labels;
  const ModelOutput* teacher = !l.teacher.embedding.defined() ? nullptr : labels ? &l.labeled_teacher : &l.teacher;
  return {labels ? l.labeled : l.student, l.labels, teacher, step};
}

StepLosses losses_of(const Learner& learner, const StepInput& input, const ModelOutput& student,
                     const ModelOutput& teacher) {
  StepLosses l;
  l.teacher = teacher;
  l.student = student;
  const auto& [images, labels, labeled, step] = input;
  const bool all = labeled == labels.dim(0);
  l.labeled = all ? student : first_rows(student, labeled);
  l.labeled_teacher = all ? teacher : first_rows(teacher, labeled);
  l.labels = all ? labels : labels.slice(0, 0, labeled);
  const Device device = labels.device();
  HostFeatures host;
  for (const auto& [loss, weight] : learner.losses) {
    const bool through_host = device != Device{} && !loss->runs_on_device();
    if (through_host) host.make(l, labeled);
    LossOutput out = loss->forward(through_host ? input_of(*loss, host, step) : input_of(*loss, l, step));
    const Variable value = through_host ? to_device(out.value, device) : out.value;
    l.numbers.emplace_back(loss->name(), LoggedNumber(value.value()));
    for (const auto& [name, number] : out.numbers)
      l.numbers.emplace_back(std::string(loss->name()) + "." + name, number);
    l.own.push_back(std::move(out.numbers));
    const Variable weighted = affine(value, weight, 0);
    l.total = l.total.defined() ? add(l.total, weighted) : weighted;
  }
  l.numbers.emplace_back("loss", LoggedNumber(l.total.value()));
  return l;
}

}  // namespace

StepLosses forward_backward(Learner& learner, const StepInput& input, const ModelOutput& teacher,
                            const StepHooks& hooks) {
  learner.optimizer->zero_grad();  // before there are activations: the two need not lie in memory together
  const ModelOutput student =
      learner.model->forward(Variable(input.images), {.feature_maps = learner.needs.student_stages});
  if (hooks.forward_done) hooks.forward_done();
  StepLosses losses = losses_of(learner, input, student, teacher);
  if (hooks.may_go_back && !hooks.may_go_back(losses)) return losses;
  losses.total.backward();
  return losses;
}

void remember(const Learner& learner, const StepLosses& l, std::int64_t step) {
  HostFeatures host;
  for (const auto& weighted : learner.losses) {
    Loss& loss = *weighted.loss;
    if (l.labels.device() == Device{} || loss.runs_on_device()) {
      loss.after_step(input_of(loss, l, step));
    } else {
      host.make(l, l.labels.dim(0));
      loss.after_step(input_of(loss, host, step));
    }
  }
}

}  // namespace fledge
