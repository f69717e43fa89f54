#include "nn/losses/teacher/stages.h"

#include <algorithm>
#include <charconv>

#include "autograd/ops/ops.h"
#include "nn/layers/conv.h"
#include "nn/losses/counts.h"
#include "nn/losses/function_loss.h"
#include "nn/losses/teacher/maps.h"
#include "nn/losses/teacher/rows.h"
#include "tensor/creation.h"
#include "tensor/ops/call/check.h"
#include "tensor/ops/eltwise.h"
#include "tensor/ops/optim.h"
#include "tensor/ops/reduce.h"

namespace fledge {
namespace {

constexpr int kEmbedding = 0;  // in lists of stages, which count from 1

void check_maps(const char* op, const Tensor& a, const Tensor& teacher) {
  const bool fits = a.rank() == 4 && teacher.rank() == 4 && a.dim(0) == teacher.dim(0) && a.numel() > 0;
  if (!fits)
    throw Error(ErrorKind::Usage, op,
                "stage maps must be N,C,H,W of the same N > 0 pictures: student " + describe(a) + ", teacher " +
                    describe(teacher));
}

/// v of attention(): N,1,H,W.
Variable energy(const Variable& a) { return mean(square(a), {1}, true); }

Variable attention_map(const Variable& energy) {
  return l2_normalize(reshape(energy, {energy.dim(0), energy.dim(2) * energy.dim(3)}));
}

/// Mean of the squares, 0-d, in one pass and without a map of them.
Tensor mean_square(const Tensor& x) {
  return affine(square(grad_norm({x}).to(x.dtype())), 1 / static_cast<double>(x.numel()), 0);
}

/// Mean (x - target)^2, as one node: through the composition the gradient of the mean arrives at a map as a broadcast
/// number, and spreading it cost 30 ms where the convolution before it costs 1 (32 x 256 x 16 x 16, one thread).
Variable squared_error(const Variable& x, const Tensor& target) {
  check::same_dims("squared_error", {x.value(), "input"}, {target, "target"});
  const Tensor difference = sub(x.value(), target);
  return with_gradient(mean_square(difference), x, difference, 2 / static_cast<double>(difference.numel()));
}

/// What is compared at one stage: its part of the loss, and its number for the log.
struct StageOutput {
  Variable value;
  Tensor number;
};

StageOutput hint_at(const Variable& a, const Variable& w, const Tensor& teacher, bool normalize) {
  check_maps("hint", a.value(), teacher);
  const Tensor target = resize_map(teacher.to(a.value().dtype()), a.dim(2), a.dim(3));
  const Variable value = squared_error(conv2d(a, w, {}, {}), target);
  const Tensor power = mean_square(target), none = affine(above_zero(power), -1, 1);
  const Tensor scale = div(ones_like(power), add(power, none));
  return {normalize ? value * Variable(scale) : value, mul(value.value(), scale)};
}

StageOutput attention_at(const Variable& a, const Tensor& teacher) {
  check_maps("attention", a.value(), teacher);
  const Tensor target = energy(Variable(teacher.to(a.value().dtype()))).value();
  const Variable qs = attention_map(energy(a));
  const Variable qt = attention_map(Variable(resize_map(target, a.dim(2), a.dim(3))));
  return {mean(square(qs - qt)), total_of(mul(qs.value(), qt.value()), static_cast<double>(a.dim(0)))};
}

/// Means over stages, of values and of numbers.
LossOutput mean_of(const char* number_name, const std::vector<StageOutput>& parts) {
  const double share = 1 / static_cast<double>(parts.size());
  Variable value;
  Tensor number;
  for (const StageOutput& part : parts) {
    const Variable weighted = affine(part.value, share, 0);
    const Tensor own = affine(part.number, share, 0);
    value = value.defined() ? value + weighted : weighted;
    number = number.defined() ? add(number, own) : own;
  }
  return {value, {{number_name, number}}};
}

std::string stage_name(int stage) { return stage == kEmbedding ? "the embedding" : "stage " + std::to_string(stage); }

/// What student and teacher have at a stage, the student's in float32 if it is
/// bfloat16; the embedding as a map of one pixel.
struct StagePair {
  Variable student;
  Tensor teacher;
};

StagePair stage_pair(const LossInput& input, int stage, const char* loss) {
  const Tensor& embedding = teacher_embedding(input, loss);
  if (stage == kEmbedding) {
    const Variable& f = input.student.embedding;
    check_teacher_rows(loss, f.value(), embedding);
    return {reshape(f, {f.dim(0), f.dim(1), 1, 1}), embedding.reshape({embedding.dim(0), embedding.dim(1), 1, 1})};
  }
  const std::size_t index = static_cast<std::size_t>(stage) - 1;
  if (index >= input.student.feature_maps.size() || index >= input.teacher->feature_maps.size())
    throw Error(ErrorKind::Usage, std::string("loss ") + loss, "there are no maps of " + stage_name(stage),
                "student and teacher must be run with their stage maps kept");
  const Variable& map = input.student.feature_maps[index];
  return {cast(map, accumulated(map.value().dtype())), input.teacher->feature_maps[index].value()};
}

/// What a list of stages asks of the networks' outputs.
LossNeeds needs_of(const std::vector<int>& stages) {
  LossNeeds needs;
  for (int stage : stages) {
    if (stage == kEmbedding)
      needs.teacher_embedding = true;
    else
      needs.student_stages = needs.teacher_stages = true;
  }
  return needs;
}

class HintLoss : public Loss {
 public:
  /// Each regressor is a convolution of 1x1 without bias from the student's channels to the teacher's, initialised as
  /// every convolution (Kaiming normal, fan out).
  HintLoss(std::vector<int> stages, const LossSetup& setup, bool normalize)
      : stages_(std::move(stages)), normalize_(normalize) {
    for (int stage : stages_) {
      Generator g = Generator::of({setup.seed, 0x68696e7473, static_cast<std::uint64_t>(stage)});  // "hints"
      const std::size_t i = static_cast<std::size_t>(stage) - 1;
      const std::int64_t in = stage == kEmbedding ? setup.embedding : setup.student_stages[i];
      const std::int64_t out = stage == kEmbedding ? setup.teacher_embedding : setup.teacher_stages[i];
      const std::string name = stage == kEmbedding ? "embedding" : "stage" + std::to_string(stage);
      regressors_.push_back(child<Conv2d>(name, conv_options(in, out, 1, 1, 0), g));
    }
  }
  const char* name() const override { return "hints"; }
  LossNeeds needs() const override { return needs_of(stages_); }
  bool runs_on_device() const override { return true; }
  LossOutput forward(const LossInput& input) const override {
    std::vector<StageOutput> parts;
    for (std::size_t i = 0; i < stages_.size(); ++i) {
      const StagePair pair = stage_pair(input, stages_[i], name());
      parts.push_back(hint_at(pair.student, regressors_[i]->weight(), pair.teacher, normalize_));
    }
    return mean_of("hint_error", parts);
  }

 private:
  std::vector<int> stages_;
  std::vector<std::shared_ptr<Conv2d>> regressors_;
  bool normalize_;
};

/// "2,3,embedding" -> {2, 3, kEmbedding}
std::vector<int> stage_list(const OptionReader& read, const std::string& option) {
  const std::string& value = read.text(option);
  const bool may_embedding = read.loss() == "hints";
  const std::string expected = std::string("stages counted from 1, each once, with commas between: 2,3,4") +
                               (may_embedding ? "; the last may be 'embedding'" : "");
  std::vector<int> stages;
  for (std::size_t begin = 0; begin <= value.size();) {
    const std::size_t end = std::min(value.find(',', begin), value.size());
    const std::string item = value.substr(begin, end - begin);
    int stage = kEmbedding;
    if (!(item == "embedding" && may_embedding)) {
      const auto [stop, error] = std::from_chars(item.data(), item.data() + item.size(), stage);
      if (error != std::errc() || stop != item.data() + item.size() || stage < 1) read.refuse(option, expected);
    }
    if (std::count(stages.begin(), stages.end(), stage)) read.refuse(option, expected);
    stages.push_back(stage);
    begin = end + 1;
  }
  return stages;
}

/// The list, each of whose stages both networks have.
std::vector<int> checked_stages(const OptionReader& read, const std::string& option, const LossSetup& setup) {
  const std::vector<int> stages = stage_list(read, option);
  const std::size_t student = setup.student_stages.size(), teacher = setup.teacher_stages.size();
  for (int stage : stages) {
    const bool there = stage == kEmbedding ? setup.embedding > 0 && setup.teacher_embedding > 0
                                           : static_cast<std::size_t>(stage) <= std::min(student, teacher);
    if (!there)
      throw Error(ErrorKind::Usage, "loss " + read.loss(),
                  option + " names " + stage_name(stage) + "; the student has " + std::to_string(student) +
                      " stages, the teacher " + std::to_string(teacher),
                  "leave it out, or give a teacher, e.g. --teacher FILE");
  }
  return stages;
}

}  // namespace

LossOutput hint(const Variable& a, const Variable& w, const Tensor& teacher, bool normalize) {
  return mean_of("hint_error", {hint_at(a, w, teacher, normalize)});
}

LossOutput attention(const Variable& a, const Tensor& teacher) {
  return mean_of("attention_agreement", {attention_at(a, teacher)});
}

LossEntry hints_entry() {
  return {"hints",
          LossKind::Teacher,
          "student's stage maps, through a trained 1x1 convolution, near the teacher's (Romero et al. 2015)",
          {{"hint-stages", "2,3,4"}, {"hint-normalize", "off"}},
          [](const OptionReader& read, const LossSetup& setup) {
            return std::make_shared<HintLoss>(checked_stages(read, "hint-stages", setup), setup,
                                              read.flag("hint-normalize"));
          }};
}

LossEntry attention_entry() {
  return {"attention",
          LossKind::Teacher,
          "where the student's stages are active near where the teacher's are (Zagoruyko and Komodakis 2017)",
          {{"attention-stages", "2,3,4"}},
          [](const OptionReader& read, const LossSetup& setup) {
            const std::vector<int> stages = checked_stages(read, "attention-stages", setup);
            return std::make_shared<FunctionLoss>(read.loss(), needs_of(stages), true,
                                                  [stages, name = read.loss()](const LossInput& input) {
                                                    std::vector<StageOutput> parts;
                                                    for (int stage : stages) {
                                                      const StagePair pair = stage_pair(input, stage, name.c_str());
                                                      parts.push_back(attention_at(pair.student, pair.teacher));
                                                    }
                                                    return mean_of("attention_agreement", parts);
                                                  });
          }};
}

}  // namespace fledge
