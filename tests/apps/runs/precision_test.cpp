// The binary with --precision bf16 on the CPU: it trains, teaches, embeds and searches nearly as in float32, says what
// it does where that is no gain, and computes in bfloat16 indeed.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>

#include "kernels/api/backend.h"
#include "tests/apps/runner.h"

using namespace fledge::test;
using Catch::Contains;
using nlohmann::json;

namespace {

const Arguments kBf16 = {"--device", "cpu", "--precision", "bf16"}, kF32 = {"--device", "cpu", "--precision", "f32"};

std::vector<double> numbers_logged(const std::string& run, const std::string& key) {
  std::vector<double> values;
  for (const std::string& line : log_lines(run, "step")) values.push_back(json::parse(line).at(key).get<double>());
  return values;
}

double sum_of(const std::vector<double>& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

Bytes weights_of(const TempFolder& folder, const std::string& run) {
  return slurp(folder / (run + "/checkpoints/" + checkpoints(folder / run).back() + "/model.safetensors"));
}

}  // namespace

TEST_CASE("training in bf16 takes the course of float32, twice the same", "[e2e][bf16]") {
  const SmallPictures pictures;
  const TempFolder& folder = pictures.folder;
  const auto train = [&](const std::string& arch, const Arguments& more) {
    must(folder, Arguments{"train"} + tiny(arch) +
                     Arguments{"--loss", "cosine-softmax", "--epochs", "4", "--batches-per-epoch", "4"} + more);
  };
  for (const std::string arch : {"resnet18", "mobilenet_v1"}) {
    INFO(arch);
    train(arch, Arguments{"--run", arch + "-wide"} + kF32);
    train(arch, Arguments{"--run", arch + "-narrow"} + kBf16);
    const std::vector<double> wide = numbers_logged(folder / (arch + "-wide"), "loss");
    const std::vector<double> narrow = numbers_logged(folder / (arch + "-narrow"), "loss");
    CHECK(sum_of(narrow) == Approx(sum_of(wide)).epsilon(0.15));
    CHECK(narrow.front() == Approx(wide.front()).epsilon(0.02));
    CHECK(narrow.front() != wide.front());  // it did compute in bfloat16
  }
  train("resnet18", Arguments{"--run", "again"} + kBf16);
  CHECK(weights_of(folder, "again") == weights_of(folder, "resnet18-narrow"));
  // The weights stay float32: what is read back is no number of 16 bits.
  const std::string model = checkpoints(folder / "again").back();
  CHECK_THAT(must(folder, {"inspect", folder / ("again/checkpoints/" + model + "/model.safetensors")}).out,
             Contains("float32") && !Contains("bfloat16"));
}

TEST_CASE("plain loops and fast kernels train alike in bf16", "[e2e][bf16]") {
  const SmallPictures pictures;
  const TempFolder& folder = pictures.folder;
  const auto train = [&](const std::string& run) {
    must(folder, pictures.train(Arguments{"--run", run, "--epochs", "1", "--batches-per-epoch", "3"} + kBf16));
  };
  train("fast");
  {
    const Setting kernels("FLEDGE_CPU_KERNELS", "ref");
    train("plain");
  }
  const std::vector<double> fast = numbers_logged(folder / "fast", "loss"),
                            plain = numbers_logged(folder / "plain", "loss");
  REQUIRE(fast.size() == plain.size());
  CHECK(fast.front() == Approx(plain.front()).epsilon(0.01));
  CHECK(sum_of(fast) == Approx(sum_of(plain)).epsilon(0.1));
}

TEST_CASE("bf16: a teacher, embeddings, evaluation, search", "[e2e][bf16]") {
  const SmallPictures pictures;
  const TempFolder& folder = pictures.folder;
  must(folder, pictures.train(Arguments{"--run", "teacher", "--loss", "cosine-softmax"} + kF32));
  const auto distill = [&](const std::string& run, const Arguments& more) {
    must(folder, Arguments{"distill"} + tiny("mobilenet_v1") +
                     Arguments{"--teacher", "teacher", "--distill", "absolute=1,relative=0.3,attention=0.1", "--run",
                               run, "--epochs", "2"} +
                     more);
  };
  distill("wide", kF32);
  distill("narrow", kBf16);
  CHECK(sum_of(numbers_logged(folder / "narrow", "loss")) ==
        Approx(sum_of(numbers_logged(folder / "wide", "loss"))).epsilon(0.1));

  const auto embed = [&](const std::string& name, const Arguments& more) {
    must(folder, Arguments{"embed", "--model", "teacher", "--data", "test", "--quiet", "--output", name} + more);
  };
  embed("wide-rows", kF32);
  embed("narrow-rows", kBf16);
  CHECK(embedding_difference(folder / "wide-rows.npy", folder / "narrow-rows.npy") < 0.03);
  CHECK(embedding_difference(folder / "wide-rows.npy", folder / "narrow-rows.npy") > 1e-5);
  CHECK(read_json(folder / "narrow-rows.index.json").at("precision") == "bf16");
  CHECK(read_json(folder / "wide-rows.index.json").at("precision") == "f32");

  const Outcome eval = must(folder, Arguments{"eval", "--model", "teacher", "--data", "test", "--json"} + kBf16);
  const Outcome exact = must(folder, Arguments{"eval", "--model", "teacher", "--data", "test", "--json"} + kF32);
  CHECK(std::fabs(json::parse(eval.out).at("recall@1").get<double>() -
                  json::parse(exact.out).at("recall@1").get<double>()) <= 1.0 / 4);

  // A picture finds itself, in an index of float32 too, with a note of the other precision.
  const std::string picture =
      "test/" + std::filesystem::directory_iterator(folder / "test")->path().filename().string();
  const std::string first = std::filesystem::directory_iterator(folder / picture)->path().string();
  const Outcome found =
      must(folder,
           Arguments{"search", "--model", "teacher", "--index", "wide-rows", "--top", "1", "--query", first} + kBf16);
  CHECK_THAT(found.out, Contains(std::filesystem::path(first).filename().string()));
}

TEST_CASE("bf16 on a processor that does not multiply it: one note, and it goes on", "[e2e][bf16]") {
  const SmallPictures pictures;
  const TempFolder& folder = pictures.folder;
  const Setting isa("FLEDGE_CPU_ISA", "sse4");  // whatever the machine has
  Arguments command = pictures.train(Arguments{"--run", "r"} + kBf16);
  std::erase(command, "--quiet");
  const Outcome outcome = must(folder, command);
  const std::string note = "does not multiply bfloat16";
  CHECK_THAT(outcome.err, Contains(note) && Contains("--precision f32"));
  CHECK(outcome.err.find(note) == outcome.err.rfind(note));
  CHECK_THAT(must(folder, pictures.train(Arguments{"--run", "q"} + kBf16)).err, !Contains(note));
  command.back() = "f32", command[std::find(command.begin(), command.end(), "--run") - command.begin() + 1] = "w";
  CHECK_THAT(must(folder, command).err, !Contains(note));
  const Outcome bench = must(folder, Arguments{"bench", "infer:mobilenet_v1:0.25:1", "--size", "32", "--seconds", "0",
                                               "--rounds", "1", "--threads", "1"} +
                                         kBf16);
  CHECK(bench.err.find(note) != std::string::npos);
  CHECK(bench.err.find(note) == bench.err.rfind(note));
  const Outcome tf32 = run_fledge(folder, pictures.train({"--run", "t", "--device", "cpu", "--precision", "tf32"}));
  CHECK(tf32.code == 2);
  CHECK_THAT(tf32.err, Contains("tf32 needs a GPU"));
}
