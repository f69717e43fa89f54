// --checkpoint-activations: the run's bytes are the same, it may be turned on and off on the way, and the run says it.
#include <catch2/catch.hpp>
#include <filesystem>

#include "tests/apps/runner.h"

using namespace fledge::test;
using Catch::Contains;

namespace {

void check_same_weights(const TempFolder& folder, const std::string& a, const std::string& b) {
  INFO(a << ", " << b);
  REQUIRE_FALSE(checkpoints(folder / a).empty());
  REQUIRE(checkpoints(folder / b).back() == checkpoints(folder / a).back());
  for (const char* file : {"model.safetensors", "optimizer.safetensors"}) {
    const std::string path = "/checkpoints/" + checkpoints(folder / a).back() + "/" + file;
    CHECK(slurp(folder / (a + path)) == slurp(folder / (b + path)));
  }
  CHECK(log_lines(folder / a, "step") == log_lines(folder / b, "step"));
}

}  // namespace

TEST_CASE("checkpointed activations: the same bytes, with losses on stage maps too", "[e2e][checkpoint]") {
  const TempFolder folder;
  make_pictures(folder / "train", 4, 6, 32, 41);
  make_pictures(folder / "test", 3, 4, 32, 42);
  const Arguments blocks = {"--checkpoint-activations", "blocks"}, norms = {"--checkpoint-activations", "norms"};
  for (const std::string arch : {"resnet18", "mobilenet_v1"}) {
    must(folder, Arguments{"train"} + tiny(arch) + Arguments{"--run", arch + "-kept"});
    must(folder, Arguments{"train"} + tiny(arch) + norms + Arguments{"--run", arch + "-norms"});
    must(folder, Arguments{"train"} + tiny(arch) + blocks + Arguments{"--run", arch + "-blocks"});
    check_same_weights(folder, arch + "-kept", arch + "-norms");
    check_same_weights(folder, arch + "-kept", arch + "-blocks");
  }
  CHECK_THAT(text_of(folder / "resnet18-blocks/config.toml"), Contains(R"(checkpoint-activations = "blocks")"));
  CHECK_THAT(text_of(folder / "resnet18-kept/config.toml"), Contains(R"(checkpoint-activations = "off")"));

  const Arguments distill = Arguments{"distill"} + tiny("mobilenet_v1") +
                            Arguments{"--teacher", "resnet18-kept", "--distill", "hints=0.1,attention=1"};
  must(folder, distill + Arguments{"--run", "maps-kept"});
  must(folder, distill + blocks + Arguments{"--run", "maps-blocks"});
  check_same_weights(folder, "maps-kept", "maps-blocks");
}

TEST_CASE("checkpointed activations: turned on when a run goes on", "[e2e][checkpoint]") {
  const TempFolder folder;
  make_pictures(folder / "train", 4, 6, 32, 43);
  make_pictures(folder / "test", 3, 4, 32, 44);
  const Arguments train = Arguments{"train"} + tiny("mobilenet_v1") + Arguments{"--save-every", "1", "--keep", "5"};
  must(folder, train + Arguments{"--run", "whole"});
  must(folder, train + Arguments{"--run", "parts"});
  const std::vector<std::string> saved = checkpoints(folder / "parts");
  REQUIRE(saved.size() == 3);
  for (const std::string& later : {saved[1], saved[2]})  // as if it had been killed after its first step
    std::filesystem::remove_all(folder / ("parts/checkpoints/" + later));
  must(folder, train + Arguments{"--run", "parts", "--resume", "auto", "--checkpoint-activations", "norms"});
  check_same_weights(folder, "whole", "parts");
}
