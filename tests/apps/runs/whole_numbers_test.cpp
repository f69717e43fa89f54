// The binary with networks that multiply whole numbers on the CPU: --precision int16 and int8 where nothing learns,
// --teacher-precision where something does.
#include "tests/apps/runner.h"

using namespace fledge::test;
using Catch::Contains;
using nlohmann::json;

namespace {

void make_teacher(const SmallPictures& pictures) {
  must(pictures.folder, Arguments{"train"} + tiny("resnet18") +
                            Arguments{"--loss", "cosine-softmax", "--epochs", "2", "--batches-per-epoch", "4", "--run",
                                      "teacher", "--device", "cpu"});
}

double first_loss(const std::string& run) {
  return json::parse(log_lines(run, "step").front()).at("loss").get<double>();
}

std::string embedded(const TempFolder& folder, const std::string& precision) {
  must(folder, {"embed", "--model", "teacher", "--data", "test", "--quiet", "--output", precision, "--device", "cpu",
                "--precision", precision});
  return folder / (precision + ".npy");
}

}  // namespace

TEST_CASE("int16 and int8: embeddings are nearly those of float32", "[e2e][int16]") {
  const SmallPictures pictures;
  const TempFolder& folder = pictures.folder;
  make_teacher(pictures);
  const std::string f32 = embedded(folder, "f32"), int16 = embedded(folder, "int16"), int8 = embedded(folder, "int8");
  CHECK(embedding_difference(f32, int16) < 0.01);
  CHECK(embedding_difference(f32, int16) > 1e-6);  // it did multiply whole numbers
  CHECK(embedding_difference(f32, int8) < 0.1);
  CHECK(read_json(folder / "int16.index.json").at("precision") == "int16");
}

TEST_CASE("int8 on a processor that does not multiply bytes: 16 bits, and one note", "[e2e][int16]") {
  const SmallPictures pictures;
  const TempFolder& folder = pictures.folder;
  make_teacher(pictures);
  const Setting isa("FLEDGE_CPU_ISA", "sse4");  // whatever the machine has
  const std::string int16 = embedded(folder, "int16"), int8 = embedded(folder, "int8");
  CHECK(embedding_difference(int16, int8) == 0);
  const auto eval = [&](const std::string& precision) {
    return must(folder, {"eval", "--model", "teacher", "--data", "test", "--device", "cpu", "--precision", precision});
  };
  const std::string note = "does not multiply bytes", said = eval("int8").err;
  CHECK_THAT(said, Contains(note));
  CHECK(said.find(note) == said.rfind(note));
  CHECK_THAT(eval("int16").err, !Contains(note));
}

TEST_CASE("a teacher that multiplies whole numbers teaches the same", "[e2e][int16]") {
  const SmallPictures pictures;
  const TempFolder& folder = pictures.folder;
  make_teacher(pictures);
  const auto distill = [&](const std::string& run, const Arguments& more) {
    Arguments command =
        Arguments{"distill"} + tiny("mobilenet_v1") +
        Arguments{"--teacher", "teacher",  "--distill", "absolute=1,attention=0.1", "--run", run, "--epochs",
                  "1",         "--device", "cpu"} +
        more;
    std::erase(command, "--quiet");
    return run_fledge(folder, command);
  };
  REQUIRE(distill("exact", {}).code == 0);
  REQUIRE(distill("int16", {"--teacher-precision", "int16"}).code == 0);
  CHECK(first_loss(folder / "int16") == Approx(first_loss(folder / "exact")).epsilon(0.01));
  CHECK(first_loss(folder / "int16") != first_loss(folder / "exact"));

  {
    const Setting isa("FLEDGE_CPU_ISA", "sse4");  // whatever the machine has
    const Outcome said = distill("int8", {"--teacher-precision", "int8"});
    CHECK_THAT(said.out + said.err, Contains("does not multiply bytes"));
  }
  const Outcome student = distill("refused", {"--precision", "int16"});
  CHECK(student.code == 2);
  CHECK_THAT(student.err, Contains("does not learn in whole numbers") && Contains("--teacher-precision int16"));
  const Outcome mixed = distill("refused", {"--precision", "bf16", "--teacher-precision", "int8"});
  CHECK(mixed.code == 2);
  CHECK_THAT(mixed.err, Contains("whole numbers are made of f32"));
}
