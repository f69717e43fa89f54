// NaN and infinity: refused by name wherever weights, inputs and embeddings
// come in, never written, never saved by a run.
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <limits>

#include "io/checkpoint/safetensors.h"
#include "io/npy.h"
#include "tensor/creation.h"
#include "tensor/finite.h"
#include "tests/apps/runner.h"
#include "train/run/checkpoint.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

const double kNaN = std::numeric_limits<double>::quiet_NaN(), kInf = std::numeric_limits<double>::infinity();

/// The number of that place in a model file becomes another; the rest stays.
void spoil(const std::string& from, const std::string& to, const std::string& tensor, std::int64_t at, double value) {
  SafetensorsFile file = load_safetensors(from);
  bool found = false;
  for (auto& [name, t] : file.tensors)
    if (name == tensor) t.reshape({t.numel()}).slice(0, at, 1).fill(value), found = true;
  REQUIRE(found);
  save_safetensors(to, file.tensors, file.metadata);
}

void scale(const std::string& from, const std::string& to, const std::string& tensor, double factor) {
  SafetensorsFile file = load_safetensors(from);
  for (auto& [name, t] : file.tensors)
    if (name == tensor)
      for (std::int64_t i = 0; i < t.numel(); ++i) t.data<float>()[i] = static_cast<float>(t.data<float>()[i] * factor);
  save_safetensors(to, file.tensors, file.metadata);
}

double largest(const std::string& model, const std::string& tensor) {
  double most = 0;
  for (const auto& [name, t] : load_safetensors(model).tensors)
    if (name == tensor)
      for (const double v : t.to_vector<double>()) most = std::max(most, v);
  return most;
}

std::string file_of(const TempFolder& folder, const std::string& run, const std::string& step, const char* file) {
  return folder / (run + "/checkpoints/" + step + "/" + file);
}

void check_all_saved_is_finite(const TempFolder& folder, const std::string& run) {
  for (const auto& step : checkpoints(folder / run))
    for (const char* file : {"model.safetensors", "optimizer.safetensors"})
      for (const auto& [name, t] : load_safetensors(file_of(folder, run, step, file)).tensors) {
        INFO(run << " " << step << " " << name);
        CHECK(all_finite(t));
      }
}

std::vector<json> bad_steps(const std::string& run) {
  std::vector<json> lines;
  for (const auto& line : log_lines(run, "not_finite")) lines.push_back(json::parse(line));
  return lines;
}

/// Almost grey pictures; class0/0.png alone is black and white.
void make_gray_pictures(const std::string& folder, int classes, int per_class) {
  for (int c = 0; c < classes; ++c)
    for (int i = 0; i < per_class; ++i) {
      Image image{28, 28, {}};
      for (int y = 0; y < 28; ++y)
        for (int x = 0; x < 28; ++x)
          for (int k = 0; k < 3; ++k) {
            const int noise = (x * (3 + c) + y * (5 + i) + k * 7) % 3;
            const bool loud = c == 0 && i == 0;
            image.rgb.push_back(static_cast<std::uint8_t>(loud ? (x / 2 + y / 2) % 2 * 255 : 127 + noise));
          }
      const std::string place = folder + "/class" + std::to_string(c);
      fs::create_directories(place);
      write_png(place + "/" + std::to_string(i) + ".png", image);
    }
}

/// Training on such pictures from weights under which only the loud one leaves the range of float32.
struct Overflowing {
  TempFolder folder;
  Overflowing() {
    make_gray_pictures(folder / "train", 9, 4);
    make_gray_pictures(folder / "test", 2, 4);
    fs::create_directories(folder / "quiet");
    for (int c = 1; c < 9; ++c)
      fs::copy(folder / ("train/class" + std::to_string(c)), folder / ("quiet/class" + std::to_string(c)));
    must(folder, command("base", {"--epochs", "1", "--batches-per-epoch", "1", "--train", "quiet"}));
    const std::string base = file_of(folder, "base", "step-00000001", "model.safetensors");
    scale(base, folder / "probe.safetensors", "conv1.weight", 1e10);
    must(folder, command("probe", {"--epochs", "1", "--batches-per-epoch", "1", "--train", "quiet", "--weights",
                                   "probe.safetensors", "--lr", "0"}));
    // A tenth of the variance goes into the running one; 1e34 leaves room for sums of 128 squares.
    const double variance =
        10 * largest(file_of(folder, "probe", "step-00000001", "model.safetensors"), "bn1.running_var");
    REQUIRE(variance > 1e10);
    scale(base, folder / "loud.safetensors", "conv1.weight", 1e10 * std::sqrt(1e34 / variance));
  }
  Arguments command(const std::string& run, const Arguments& more) const {
    return Arguments{"train"} + tiny() +
           Arguments{"--normalize", "half",    "--augment", "paper", "--random-crop", "false", "--flip",       "0",
                     "--loss",      "softmax", "--lr",      "1e-3",  "--final-eval",  "false", "--save-every", "1",
                     "--keep",      "100",     "--run",     run} +
           more;
  }
  Arguments loud(const std::string& run, const Arguments& more) const {
    return command(run, Arguments{"--weights", "loud.safetensors", "--batches-per-epoch", "6"} + more);
  }
};

}  // namespace

TEST_CASE("weights that are no numbers are refused by name, by every verb and every set of kernels",
          "[e2e][not-finite]") {
  const TempFolder folder;
  make_pictures(folder / "train", 4, 4, 32, 31);
  make_pictures(folder / "test", 2, 4, 32, 32);
  must(folder, Arguments{"train"} + tiny() + Arguments{"--run", "run"});
  const std::string sound = file_of(folder, "run", checkpoints(folder / "run").back(), "model.safetensors");
  must(folder, {"embed", "--model", "run", "--data", "test", "--output", "index"});
  const Arguments student =
      tiny("mobilenet_v1") + Arguments{"--teacher", "bad.safetensors", "--distill", "relative=1", "--run", "new"};
  const std::vector<Arguments> verbs = {
      {"embed", "--model", "bad.safetensors", "--data", "test", "--output", "out"},
      {"embed", "--model", "bad.safetensors", "--pooled", "--data", "test", "--output", "out"},
      {"eval", "--model", "bad.safetensors", "--data", "test"},
      {"eval", "--model", "run", "--gallery-model", "bad.safetensors", "--data", "test"},
      {"convert", "bad.safetensors", "-o", "out.safetensors"},
      {"convert", "bad.safetensors", "-o", "out.pth"},
      {"search", "--index", "index", "--model", "bad.safetensors", "--data", "test"},
      Arguments{"train"} + tiny() + Arguments{"--weights", "bad.safetensors", "--run", "new"},
      Arguments{"distill"} + student};
  const auto refused = [&](const Arguments& verb, const std::string& what) {
    const Outcome out = run_fledge(folder, verb);
    INFO(verb[0] << ": " << out.out << out.err);
    CHECK(out.code == 3);
    CHECK_THAT(out.err, Contains(what) && Contains("bad.safetensors"));
    CHECK(out.out == "");
    for (const char* made : {"out.npy", "out.tsv", "out.safetensors", "out.pth", "new"})
      CHECK_FALSE(fs::exists(folder / made));
  };
  SECTION("every verb") {
    spoil(sound, folder / "bad.safetensors", "layer1.0.conv1.weight", 5, kInf);
    for (const Arguments& verb : verbs) refused(verb, "tensor 'layer1.0.conv1.weight' is inf at [0,");
  }
  SECTION("every kind of tensor") {
    spoil(sound, folder / "bad.safetensors", "bn1.running_var", 2, -0.5);
    for (const Arguments& verb : {verbs[0], verbs[4], verbs[5], verbs[7]})
      refused(verb, "tensor 'bn1.running_var' is -0.5 at [2]");
    spoil(sound, folder / "bad.safetensors", "bn1.running_mean", 1, -kInf);
    refused(verbs[0], "tensor 'bn1.running_mean' is -inf at [1]");
    spoil(sound, folder / "bad.safetensors", "feat.bias", 0, kNaN);
    refused(verbs[0], "tensor 'feat.bias' is nan at [0]");
  }
  SECTION("every set of kernels") {
    spoil(sound, folder / "bad.safetensors", "bn1.weight", 3, kNaN);
    for (const char* kernels : {"ref", "simd", "onednn"}) {
      const Setting setting("FLEDGE_CPU_KERNELS", kernels);
      refused(verbs[0], "tensor 'bn1.weight' is nan at [3]");
    }
  }
  SECTION("a checkpoint that is resumed") {
    const std::string step = checkpoints(folder / "run").back();
    // As an earlier fledge saved it: with checksums that hold.
    SafetensorsFile moments = load_safetensors(file_of(folder, "run", step, "optimizer.safetensors"));
    REQUIRE_FALSE(moments.tensors.empty());
    const auto at = std::find_if(moments.tensors.begin(), moments.tensors.end(),
                                 [](const auto& t) { return t.first.starts_with("exp_avg_sq."); });
    REQUIRE(at != moments.tensors.end());
    at->second.reshape({at->second.numel()}).slice(0, 0, 1).fill(kNaN);
    Checkpoint c = load_checkpoint(folder / ("run/checkpoints/" + step));
    c.optimizer = moments.tensors;
    c.state.finished = false;
    save_checkpoint(folder / "run", c, 2);
    const Outcome out = run_fledge(
        folder, Arguments{"train"} + tiny() +
                    Arguments{"--run", "run", "--epochs", "2", "--resume", "auto", "--resume-allow-change", "true"});
    CHECK(out.code == 3);
    CHECK_THAT(out.err, Contains(at->first) && Contains("nan at [0") && Contains(step));
  }
}

TEST_CASE("sums that overflow end with 5 and the picture's name in every set of kernels", "[e2e][not-finite]") {
  const TempFolder folder;
  make_pictures(folder / "train", 3, 4, 32, 31);
  make_pictures(folder / "test", 2, 4, 32, 32);
  must(folder, Arguments{"train"} + tiny() + Arguments{"--run", "run"});
  const std::string sound = file_of(folder, "run", checkpoints(folder / "run").back(), "model.safetensors");
  scale(sound, folder / "a.safetensors", "layer1.0.conv1.weight", 1e25);
  scale(folder / "a.safetensors", folder / "b.safetensors", "layer1.0.conv2.weight", 1e25);
  for (const char* kernels : {"ref", "simd", "onednn"}) {
    const Setting setting("FLEDGE_CPU_KERNELS", kernels);
    for (const Arguments& verb : {Arguments{"embed", "--output", "out"}, Arguments{"eval"}}) {
      const Outcome out = run_fledge(folder, verb + Arguments{"--model", "b.safetensors", "--data", "test"});
      INFO(kernels << " " << verb[0] << ": " << out.out << out.err);
      CHECK(out.code == 5);
      CHECK_THAT(out.err, Contains(".png'") && Contains("nan at ["));
      CHECK_FALSE(fs::exists(folder / "out.npy"));
      CHECK_FALSE(fs::exists(folder / "out.tsv"));
    }
  }
}

TEST_CASE("inputs and stored embeddings that are no numbers are refused by row", "[e2e][not-finite]") {
  const TempFolder folder;
  make_pictures(folder / "train", 3, 4, 32, 31);
  make_pictures(folder / "test", 2, 4, 32, 32);
  must(folder, Arguments{"train"} + tiny() + Arguments{"--run", "run"});
  for (const double bad : {kNaN, kInf, -kInf}) {
    const Tensor input = zeros({3, 3, 28, 28});
    input.slice(0, 1, 1).slice(1, 2, 1).slice(2, 3, 1).slice(3, 4, 1).fill(bad);
    save_npy(folder / "input.npy", input);
    const Outcome out = run_fledge(folder, {"embed", "--model", "run", "--input", "input.npy", "--output", "out"});
    CHECK(out.code == 3);
    CHECK_THAT(out.err, Contains("row 1 of 'input.npy'") && Contains("at [1,2,3,4]"));
    CHECK_FALSE(fs::exists(folder / "out.npy"));
  }
  must(folder, {"embed", "--model", "run", "--data", "test", "--output", "good"});
  const Tensor rows = load_npy(folder / "good.npy");
  rows.slice(0, 2, 1).slice(1, 5, 1).fill(kNaN);
  for (const DType type : {DType::Float32, DType::Float64}) {
    save_npy(folder / "bad.npy", rows.to(type));
    fs::copy(folder / "good.tsv", folder / "bad.tsv", fs::copy_options::overwrite_existing);
    for (const Arguments& verb : {Arguments{"eval", "--embeddings", "bad.npy", "--table", "bad.tsv"},
                                  Arguments{"eval", "--embeddings", "good.npy", "--table", "good.tsv",
                                            "--gallery-embeddings", "bad.npy", "--gallery-table", "bad.tsv"},
                                  Arguments{"search", "--index", "bad", "--queries", "good"},
                                  Arguments{"search", "--index", "good", "--queries", "bad"}}) {
      const Outcome out = run_fledge(folder, verb);
      CHECK(out.code == 3);
      CHECK_THAT(out.err, Contains("row 2 of 'bad.npy'") && Contains("nan at [2,5]") && Contains(".png"));
    }
  }
}

TEST_CASE("the shared weight files with NaN, infinity and a negative variance", "[e2e][not-finite]") {
  const std::string cases = shared_folder("cases/w_nan");
  if (cases.empty()) {
    WARN("left out: no ../shared/cases/w_nan");
    return;
  }
  const TempFolder folder;
  make_pictures(folder / "test", 2, 4, 64, 32);
  for (const auto& [file, tensor] : {std::pair<const char*, const char*>{"inf_conv1.pth", "conv1.weight"},
                                     {"nan_running_var.pth", "running_var"},
                                     {"negative_running_var.pth", "running_var"}}) {
    const std::string model = cases + "/" + file;
    for (const char* kernels : {"ref", "simd", "onednn"}) {
      const Setting setting("FLEDGE_CPU_KERNELS", kernels);
      const Outcome out = run_fledge(folder, {"embed", "--model", model, "--pooled", "--data", "test"});
      CHECK(out.code == 3);
      CHECK_THAT(out.err, Contains(tensor) && Contains(file));
    }
    CHECK(run_fledge(folder, {"eval", "--model", model, "--pooled", "--data", "test"}).code == 3);
    CHECK(run_fledge(folder, {"convert", model, "-o", "out.safetensors"}).code == 3);
    CHECK_FALSE(fs::exists(folder / "out.safetensors"));
  }
}

TEST_CASE("a rate that is too high ends with 5 and leaves only sound checkpoints", "[e2e][not-finite]") {
  const TempFolder folder;
  make_pictures(folder / "train", 6, 8, 36, 11);
  make_pictures(folder / "test", 2, 4, 36, 12);
  int turn = 0;
  for (const char* optimizer : {"sgd", "adam", "adamw"})
    for (const char* lr : {"1e12", "1e30", "1e38"}) {
      const std::string run = "run" + std::to_string(turn);
      const char* policy = turn % 3 == 0 ? "stop" : turn % 3 == 1 ? "skip" : "rollback";
      const Outcome out =
          run_fledge(folder, Arguments{"train"} + tiny() +
                                 Arguments{"--optimizer", optimizer, "--lr", lr, "--epochs", "12", "--on-nan", policy,
                                           "--run", run, "--save-every", std::to_string(turn % 4)});
      INFO(optimizer << " " << lr << " " << policy << ": " << out.err);
      CHECK((out.code == 5 || out.code == 0));  // Adam's steps are as long as the rate, not as the gradient
      check_all_saved_is_finite(folder, run);
      if (out.code == 5) {
        const auto bad = bad_steps(folder / run);
        REQUIRE_FALSE(bad.empty());
        CHECK(bad.back().at("action") == "stop");
        CHECK_THAT(out.err, Contains(bad.back().at("what").get<std::string>()));
        CHECK_THAT(out.err, Contains(checkpoints(folder / run).empty() ? "no checkpoint was written yet"
                                                                       : "the last checkpoint is sound"));
      }
      turn += 1;
    }
}

TEST_CASE("--on-nan stop: the next step does not happen, and all pictures of the batch are in the log",
          "[e2e][not-finite]") {
  const Overflowing o;
  const Outcome out = run_fledge(o.folder, o.loud("run", {}));
  INFO(out.err);
  CHECK(out.code == 5);
  CHECK_THAT(out.err, Contains("class0/0.png"));
  const auto bad = bad_steps(o.folder / "run");
  REQUIRE(bad.size() == 1);
  CHECK(bad[0].at("action") == "stop");
  CHECK(bad[0].at("pictures").size() == 12);
  CHECK(static_cast<std::size_t>(bad[0].at("step")) == log_lines(o.folder / "run", "step").size() + 1);
  check_all_saved_is_finite(o.folder, "run");
}

TEST_CASE("--on-nan skip: nothing of the step is applied, and a resumed run counts on", "[e2e][not-finite]") {
  const Overflowing o;
  const auto run = [&](const std::string& name, const Arguments& more) {
    return must(o.folder, o.loud(name, Arguments{"--on-nan", "skip"} + more));
  };
  run("straight", {"--epochs", "3"});
  const auto bad = bad_steps(o.folder / "straight");
  REQUIRE(bad.size() >= 3);
  check_all_saved_is_finite(o.folder, "straight");
  const auto step_name = [](std::int64_t step) {
    const std::string digits = std::to_string(step);
    return "step-" + std::string(8 - digits.size(), '0') + digits;
  };
  std::int64_t compared = 0;
  for (const json& line : bad) {
    CHECK(line.at("action") == "skip");
    const std::int64_t step = line.at("step");
    if (step == 1) continue;
    ++compared;
    for (const char* file : {"model.safetensors", "optimizer.safetensors"}) {
      const Bytes before = slurp(file_of(o.folder, "straight", step_name(step - 1), file));
      REQUIRE_FALSE(before.empty());
      CHECK(before == slurp(file_of(o.folder, "straight", step_name(step), file)));
    }
  }
  CHECK(compared >= 2);
  const json state = read_json(file_of(o.folder, "straight", "step-00000018", "state.json"));
  CHECK(state.at("not_finite").at("skipped") == bad.size());
  CHECK(log_lines(o.folder / "straight", "step").size() + bad.size() == 18);
  std::size_t in_epochs = 0;
  for (const auto& line : log_lines(o.folder / "straight", "epoch"))
    in_epochs += json::parse(line).value("skipped_steps", 0);
  CHECK(in_epochs == bad.size());

  run("resumed", {"--epochs", "1"});
  run("resumed", {"--epochs", "3", "--resume", "auto", "--resume-allow-change", "true"});
  for (const char* file : {"model.safetensors", "optimizer.safetensors"})
    CHECK(slurp(file_of(o.folder, "resumed", "step-00000018", file)) ==
          slurp(file_of(o.folder, "straight", "step-00000018", file)));
  CHECK(read_json(file_of(o.folder, "resumed", "step-00000018", "state.json")).at("not_finite") ==
        state.at("not_finite"));
  CHECK(bad_steps(o.folder / "resumed") == bad);
}

TEST_CASE("--on-nan skip gives up after three in a row", "[e2e][not-finite]") {
  const Overflowing o;
  const Outcome out = run_fledge(o.folder, o.loud("run", {"--on-nan", "skip", "--batch-size", "36"}));
  CHECK(out.code == 5);
  CHECK_THAT(out.err, Contains("3 steps before it were skipped"));
  const auto bad = bad_steps(o.folder / "run");
  REQUIRE(bad.size() == 4);
  for (int i = 0; i < 4; ++i) CHECK(bad[i].at("action") == (i < 3 ? "skip" : "stop"));
}

TEST_CASE("--on-nan rollback: back to the last checkpoint and on behind the batch, three times at most",
          "[e2e][not-finite]") {
  const Overflowing o;
  const Outcome out =
      run_fledge(o.folder, o.loud("run", {"--on-nan", "rollback", "--epochs", "6", "--save-every", "2"}));
  INFO(out.err);
  CHECK(out.code == 5);
  CHECK_THAT(out.err, Contains("after 3 times back"));
  check_all_saved_is_finite(o.folder, "run");
  const auto bad = bad_steps(o.folder / "run");
  REQUIRE(bad.size() == 4);
  std::int64_t last = 0;
  for (std::size_t i = 0; i < bad.size(); ++i) {
    CHECK(bad[i].at("action") == (i < 3 ? "rollback" : "stop"));
    CHECK(bad[i].at("step").get<std::int64_t>() > last);  // never the same step again
    last = bad[i].at("step");
  }
  // One epoch with a single such batch goes on to its end.
  const Outcome whole = run_fledge(o.folder, o.loud("whole", {"--on-nan", "rollback", "--batches-per-epoch",
                                                              std::to_string(bad[1].at("step").get<int>() - 1)}));
  INFO(whole.err);
  CHECK(whole.code == 0);
  CHECK(bad_steps(o.folder / "whole").size() == 1);
}

TEST_CASE("where all is finite --on-nan changes nothing", "[e2e][not-finite]") {
  const TempFolder folder;
  make_pictures(folder / "train", 6, 8, 36, 11);
  make_pictures(folder / "test", 2, 4, 36, 12);
  for (const char* policy : {"stop", "skip", "rollback"})
    must(folder, Arguments{"train"} + tiny() + Arguments{"--epochs", "2", "--run", policy, "--on-nan", policy});
  for (const char* policy : {"skip", "rollback"})
    for (const char* file : {"model.safetensors", "optimizer.safetensors", "state.json"}) {
      const Bytes bytes = slurp(file_of(folder, "stop", checkpoints(folder / "stop").back(), file));
      REQUIRE_FALSE(bytes.empty());
      CHECK(bytes == slurp(file_of(folder, policy, checkpoints(folder / policy).back(), file)));
    }
}
