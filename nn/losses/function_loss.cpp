#include "nn/losses/function_loss.h"

#include "base/error.h"

namespace fledge {

std::shared_ptr<Loss> loss_of_labels(std::string name, std::function<LossOutput(const Variable&, const Tensor&)> f,
                                     bool on_device) {
  return std::make_shared<FunctionLoss>(
      std::move(name), LossNeeds{.labels = true}, on_device,
      [f = std::move(f)](const LossInput& input) { return f(input.student.embedding, input.labels); });
}

std::shared_ptr<Loss> loss_of_teacher(std::string name, std::function<LossOutput(const Variable&, const Tensor&)> f,
                                      bool on_device) {
  const auto forward = [f = std::move(f), name](const LossInput& input) {
    return f(input.student.embedding, teacher_embedding(input, name));
  };
  return std::make_shared<FunctionLoss>(name, LossNeeds{.teacher_embedding = true}, on_device, forward);
}

const Tensor& teacher_embedding(const LossInput& input, const std::string& loss) {
  if (!input.teacher || !input.teacher->embedding.defined())
    throw Error(ErrorKind::Usage, "loss " + loss, "there is no teacher", "give one, e.g. --teacher FILE");
  return input.teacher->embedding.value();
}

void check_labels(const char* op, const Tensor& embedding, const Tensor& labels) {
  if (embedding.rank() != 2)
    throw Error(ErrorKind::Usage, op, "embeddings must be N,D: " + describe(embedding),
                "reshape them to one row per picture");
  const bool fits =
      labels.defined() && labels.rank() == 1 && labels.dtype() == DType::Int64 && labels.dim(0) == embedding.dim(0);
  if (!fits)
    throw Error(ErrorKind::Usage, op,
                "one int64 label per row is needed: embeddings " + describe(embedding) + ", labels " +
                    (labels.defined() ? describe(labels) : std::string("missing")));
}

}  // namespace fledge
