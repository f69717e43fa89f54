// A loss of one's own, in a program that has all verbs of `fledge`: --distill cosine-embedding=1, its flag, its line in
// --help, suggestions, checkpoints, resume and reports follow from its entry.
// usage: own_loss VERB ...      e.g. own_loss distill --teacher runs/teacher --distill cosine-embedding=1 ...
#include "apps/command_line.h"
#include "autograd/ops/distance.h"
#include "autograd/ops/eltwise.h"
#include "autograd/ops/reduce.h"
#include "nn/losses/function_loss.h"
#include "nn/losses/option_reader.h"

using namespace fledge;

/// max(0, 1 - slack - cos(f_i, g_i)), mean over the pictures: f the student's embedding, g the teacher's, of one size.
LossEntry cosine_embedding() {
  return {"cosine-embedding",
          LossKind::Teacher,
          "cosines of student and teacher, picture by picture",
          {{"cosine-slack", "0"}},
          [](const OptionReader& read, const LossSetup&) {
            const double slack = read.number("cosine-slack", 0, 2);
            return loss_of_teacher(read.loss(), [slack](const Variable& f, const Tensor& g) {
              const Variable cosines = sum(l2_normalize(f) * l2_normalize(Variable(g)), {1});
              return LossOutput{mean(relu(affine(cosines, -1, 1 - slack))), {{"cosine", mean(cosines).value()}}};
            });
          }};
}

int main(int argc, char** argv) {
  register_loss(cosine_embedding());
  return run_command_line(argc, argv);
}
