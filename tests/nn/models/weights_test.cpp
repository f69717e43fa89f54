// Real and external weight files give their published features (shared folder; left out where it is absent).
#include <catch2/catch.hpp>

#include "autograd/grad_mode.h"
#include "io/checkpoint/safetensors.h"
#include "nn/models/model.h"
#include "nn/state_dict.h"
#include "tests/nn/models/golden.h"

using namespace fledge;
using namespace fledge::test;

namespace {

struct StoredNetwork {
  const char* file;
  const char* arch;
  double width;
  const char* variant;
};

}  // namespace

TEST_CASE("weights from elsewhere give the pooled features their makers computed") {
  const StoredNetwork c =
      GENERATE(StoredNetwork{"weights/mobilenet_v1_0.25_imagenet", "mobilenet_v1", 0.25, "torch"},
               StoredNetwork{"weights/mobilenet_v1_0.25_imagenet_keras", "mobilenet_v1", 0.25, "keras"},
               StoredNetwork{"weights/mobilenet_v1_0.75_imagenet_keras", "mobilenet_v1", 0.75, "keras"},
               StoredNetwork{"fixtures/safetensors_resnet18", "resnet18", 5.0 / 64, "torch"});
  const std::string file = c.file;
  if (!have_shared(file + ".safetensors") || !have_shared(file + ".io.safetensors")) return;
  CAPTURE(file);
  ModelSpec spec;
  spec.arch = c.arch;
  spec.width = c.width;
  spec.variant = c.variant;
  EmbeddingModel model(spec, 1);
  const LoadReport report = load_state_dict(model, load_safetensors(shared_path(file + ".safetensors")).tensors,
                                            {.may_miss = {"feat."}, .may_ignore = {"fc.", "base.fc.", "Embed."}});
  CHECK(report.unexpected.size() == 2);  // the classifier
  const NamedTensors io = load_safetensors(shared_path(file + ".io.safetensors")).tensors;
  const Tensor input = find(io, "input"), pooled = find(io, "pooled");

  model.eval();
  CHECK(relative_error(model.forward(Variable(input)).features.value(), pooled) <= 1e-4);
  NoGradGuard no_grad;  // folded
  CHECK(relative_error(model.forward(Variable(input)).features.value(), pooled) <= 1e-4);
}
