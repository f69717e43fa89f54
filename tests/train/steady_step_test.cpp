// A step of training that has been made before asks the system for nothing.
#include <malloc.h>

#include <catch2/catch.hpp>

#include "autograd/variable.h"
#include "kernels/cpu/allocator.h"
#include "nn/optim/registry.h"
#include "tensor/context.h"
#include "tensor/creation.h"
#include "tests/support/formula.h"
#include "tests/support/sanitized.h"
#include "train/loop/step.h"

using namespace fledge;
using namespace fledge::test;

namespace {

Learner learner_of(const char* arch) {
  Learner l;
  const ModelSpec spec{.arch = arch, .width = 0.25, .embedding = 16};
  l.model = std::make_shared<EmbeddingModel>(spec, 1);
  LossSetup setup;
  setup.embedding = setup.teacher_embedding = 16;
  l.losses = {{make_loss("absolute", {}, setup), 1}};
  l.optimizer = make_optimizer({{"all", l.model->named_parameters(), 1, true}}, {});
  return l;
}

/// Bytes that malloc holds of the system's.
std::size_t heap() {
  const struct mallinfo2 info = mallinfo2();
  return info.arena + info.hblkhd;
}

}  // namespace

TEST_CASE("steady step: from the third on nothing is asked of the system", "[steady]") {
  for (const char* arch : {"resnet18", "mobilenet_v1"})
    for (const Checkpoints checkpoints : {Checkpoints::Off, Checkpoints::Norms, Checkpoints::Blocks}) {
      INFO(arch << ", checkpoints " << static_cast<int>(checkpoints));
      Learner l = learner_of(arch);
      l.model->checkpoint_activations(checkpoints);
      StepInput input;
      input.images = formula("pictures", {4, 3, 64, 64}).to(DType::Float32).contiguous(Layout::ChannelsLast);
      input.labels = from_vector<std::int64_t>({0, 0, 1, 1}, {4});
      input.labeled = 4;
      ModelOutput teacher;
      teacher.embedding = Variable(formula("teacher", {4, 16}).to(DType::Float32));
      std::size_t asked = 0, scratch = 0, held = 0;
      for (int step = 1; step <= 5; ++step) {
        forward_backward(l, input, teacher);
        l.optimizer->step(1e-3, l.optimizer->gradient_norm());
        if (step == 2) asked = cpu::allocator_stats().asked, scratch = context().scratch_bytes(), held = heap();
      }
      CHECK(cpu::allocator_stats().asked == asked);
      CHECK(context().scratch_bytes() == scratch);
      if (!kSanitized) CHECK(heap() == held);
    }
}
