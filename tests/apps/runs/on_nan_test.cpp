// NaN and infinity in a step of training: --on-nan applies nothing, saves nothing, goes on and resumes.
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>

#include "tensor/finite.h"
#include "tests/apps/runs/model_files.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

double largest(const std::string& model, const std::string& tensor) {
  double most = 0;
  for (const auto& [name, t] : load_safetensors(model).tensors)
    if (name == tensor)
      for (const double v : t.to_vector<double>()) most = std::max(most, v);
  return most;
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
