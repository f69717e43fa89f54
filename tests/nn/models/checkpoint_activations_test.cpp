// Networks that keep no more than their blocks' inputs: the same step to the bit, in less memory.
#include <catch2/catch.hpp>

#include "autograd/ops/eltwise.h"
#include "autograd/ops/reduce.h"
#include "kernels/cpu/allocator.h"
#include "nn/models/model.h"
#include "tests/nn/models/golden.h"

using namespace fledge;
using namespace fledge::test;

namespace {

struct Step {
  std::vector<std::vector<double>> numbers;  // loss, gradients, buffers
  std::size_t peak = 0;                      // bytes in use beyond the network and its pictures
};

/// Three steps forward and back. With `maps` the loss looks at the stage maps too, whose gradients meet those of the
/// next stage.
Step step_of(const ModelSpec& spec, int picture, DType dtype, bool maps, Checkpoints checkpoints) {
  EmbeddingModel model(spec, 5);
  model.to(dtype);
  model.checkpoint_activations(checkpoints);
  const Tensor pictures = formula("pictures", {4, 3, picture, picture}).to(dtype);
  const auto network = cpu::allocator_stats().in_use;
  cpu::reset_allocator_peak();
  Step s;
  for (int i = 0; i < 3; ++i) {
    model.zero_grad();
    const ModelOutput out = model.forward(Variable(pictures), {.feature_maps = maps});
    Variable loss = sum(square(out.embedding));
    for (const Variable& map : out.feature_maps) loss = loss + affine(mean(square(map)), 0.1, 0);
    loss.backward();
    s.numbers.push_back({loss.item()});
  }
  s.peak = cpu::allocator_stats().peak - network;
  for (const Variable& p : model.parameters()) s.numbers.push_back(p.grad().to_vector<double>());
  for (const auto& [name, buffer] : model.named_buffers()) s.numbers.push_back(buffer.to_vector<double>());
  return s;
}

}  // namespace

TEST_CASE("checkpointed activations: loss, gradients and running statistics are the same to the bit", "[checkpoint]") {
  for (const DType dtype : {DType::Float32, DType::Float64})
    for (const char* arch : {"resnet18", "resnet50", "mobilenet_v1"}) {
      INFO(arch << " " << name_of(dtype));
      const double width = std::string(arch) == "mobilenet_v1" ? 0.25 : 1.0 / 16;
      const ModelSpec spec{.arch = arch, .width = width, .embedding = 8, .stem = "small", .normalize = false};
      const Step kept = step_of(spec, 16, dtype, true, Checkpoints::Off);
      CHECK(step_of(spec, 16, dtype, true, Checkpoints::Norms).numbers == kept.numbers);
      CHECK(step_of(spec, 16, dtype, true, Checkpoints::Blocks).numbers == kept.numbers);
    }
}

TEST_CASE("checkpointed activations: the peak of memory is lower", "[checkpoint]") {
  for (const char* arch : {"resnet18", "mobilenet_v1"}) {
    const ModelSpec spec{.arch = arch, .width = 0.25, .embedding = 8, .normalize = false};
    const auto peak = [&](Checkpoints which) { return step_of(spec, 128, DType::Float32, false, which).peak; };
    const std::size_t kept = peak(Checkpoints::Off), norms = peak(Checkpoints::Norms),
                      blocks = peak(Checkpoints::Blocks);
    INFO(arch << ": " << kept << " bytes, without outputs of norms " << norms << ", without blocks " << blocks);
    CHECK(norms < kept * 95 / 100);
    CHECK(blocks < kept * 8 / 10);
  }
}
