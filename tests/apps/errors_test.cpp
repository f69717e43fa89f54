// Everything that can go wrong ends with the exit code of its kind, one message that names the thing, and a way out.
#include <sys/mount.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "io/checkpoint/safetensors.h"
#include "tensor/creation.h"
#include "tests/apps/runner.h"

using namespace fledge::test;
using Catch::Contains;

namespace {

/// Runs, and checks the exit code and that stderr is one error with all of these words.
void fails(const TempFolder& folder, const Arguments& arguments, int code, const std::vector<std::string>& words) {
  const Outcome outcome = run_fledge(folder, arguments);
  std::string command;
  for (const auto& a : arguments) command += " " + a;
  INFO("fledge" << command << "\n" << outcome.err);
  CHECK(outcome.code == code);
  CHECK_THAT(outcome.err, Contains("error: "));
  for (const auto& word : words) CHECK_THAT(outcome.err, Contains(word));
}

}  // namespace

TEST_CASE("help of every verb, with examples; version", "[e2e][errors]") {
  const TempFolder folder;
  for (const std::string verb :
       {"train", "distill", "eval", "embed", "search", "report", "inspect", "convert", "data", "doctor", "bench"}) {
    const Outcome help = must(folder, {verb, "--help"});
    CHECK_THAT(help.out, Contains("Examples:\n  fledge " + verb) && Contains("Exit codes:"));
    CHECK(help.err.empty());
    CHECK_THAT(must(folder, {"--help"}).out, Contains("  " + verb + " "));
  }
  CHECK_FALSE(must(folder, {"--version"}).out.empty());
}

TEST_CASE("wrong words on the command line and in configs", "[e2e][errors]") {
  const SmallPictures p;
  fails(p.folder, {}, 2, {"--help"});
  fails(p.folder, {"trian"}, 2, {"'trian' is no verb", "train"});
  fails(p.folder, p.train({"--batch-sze", "12"}), 2, {"--batch-sze", "did you mean", "batch-size"});
  fails(p.folder, p.train({"--epochs", "many"}), 2, {"--epochs"});
  fails(p.folder, p.train({"--epochs", "0"}), 2, {"--epochs"});
  for (const std::string flag : {"--lr", "--clip-grad", "--warmup-epochs", "--save-every", "--batches-per-epoch",
                                 "--seed", "--weight-decay", "--margin"})
    fails(p.folder, p.train({flag, "-1"}), 2, {flag.substr(flag == "--weight-decay" ? 9 : 2)});
  fails(p.folder, p.train({"--arch", "resnet19"}), 2, {"resnet19", "resnet18"});
  fails(p.folder, p.train({"--loss", "tripplet"}), 2, {"tripplet", "triplet"});
  fails(p.folder, p.train({"--loss", "relative"}), 2, {"needs a teacher", "distill"});
  fails(p.folder, p.train({"--batch-size", "14"}), 2, {"14", "12", "16"});
  fails(p.folder, p.train({"--preset", "fashion-mnist/techer"}), 2, {"techer", "fashion-mnist/teacher"});
  fails(p.folder, p.train({"--device", "tpu"}), 2, {"tpu", "cpu"});
  fails(p.folder, Arguments{"distill"} + tiny() + Arguments{"--distill", "relative"}, 2, {"--teacher"});
  fails(p.folder, {"eval", "--data", "test"}, 2, {"--model"});
  fails(p.folder, {"eval"}, 2, {"--data"});

  spill(p.folder / "bad.toml", std::string("[data]\nsize = 28\n\nbatch-sze = 12\n"));
  fails(p.folder, {"train", "--config", "bad.toml"}, 2, {"bad.toml:4", "batch-sze", "batch-size"});
  spill(p.folder / "torn.toml", std::string("size = 28\nbatch-size = = 12\n"));
  fails(p.folder, {"train", "--config", "torn.toml"}, 2, {"torn.toml:2"});
  spill(p.folder / "odd.toml", "size = 28\n[# x]\n");  // what toml++ takes for impossible
  fails(p.folder, {"train", "--config", "odd.toml"}, 2, {"odd.toml:2"});
  spill(p.folder / "odd.toml", "\xc8\x9c = 1\n");
  fails(p.folder, {"train", "--config", "odd.toml"}, 2, {"odd.toml:1"});
  fails(p.folder, {"train", "--config", "none.toml"}, 2, {"none.toml"});
  CHECK_FALSE(std::filesystem::exists(p.folder / "runs"));  // no run folder is left by any of these
}

TEST_CASE("an unknown architecture is told when its flag is read, before any file is looked for", "[e2e][errors]") {
  const TempFolder folder;
  const std::string told = "error: [model] unknown architecture 'resnet19'\n  hint: did you mean 'resnet18'?";
  const Arguments train = {"train", "--train", "none", "--test", "none", "--run", "run"};
  fails(folder, train + Arguments{"--arch", "resnet19"}, 2, {told});
  spill(folder / "run.toml", std::string("arch = \"resnet19\"\n"));
  fails(folder, train + Arguments{"--config", "run.toml"}, 2, {told});
  fails(folder, {"distill", "--train", "none", "--run", "run", "--teacher", "none.pth", "--teacher-arch", "resnet19"},
        2, {told});
  fails(folder, {"eval", "--data", "none", "--model", "none.pth", "--arch", "resnet19"}, 2, {told});
  fails(folder, {"convert", "none.pth", "-o", "m.safetensors", "--arch", "resnet19"}, 2, {told});
}

TEST_CASE("a printed config gives itself back", "[e2e]") {
  const TempFolder folder;
  for (const std::string verb : {"train", "distill", "eval", "embed"}) {
    INFO(verb);
    const std::string first = must(folder, {verb, "--normalize=", "--print-config"}).out;
    CHECK_THAT(first, Contains("normalize = \"\"") && Contains("quiet = \"false\""));
    spill(folder / "c.toml", first);
    CHECK(must(folder, {verb, "--config", "c.toml", "--print-config"}).out == first);
    // The command line wins over the file.
    CHECK_THAT(must(folder, {verb, "--config", "c.toml", "--size", "99", "--print-config"}).out,
               Contains("size = \"99\""));
  }
}

TEST_CASE("pictures that are missing or broken", "[e2e][errors]") {
  const SmallPictures p;
  fails(p.folder, p.train({"--train", "nowhere"}), 3, {"nowhere"});
  std::filesystem::create_directories(p.folder / "empty");
  fails(p.folder, p.train({"--train", "empty"}), 3, {"empty", "hint"});
  fails(p.folder, {"embed", "--model", "nomodel", "--data", "test"}, 3, {"nomodel"});

  std::filesystem::create_directories(p.folder / "train/lonely");
  std::filesystem::copy(p.folder / "train/class0/0.png", p.folder / "train/lonely/0.png");
  Arguments loud = p.train({"--run", "lonely"});
  loud.erase(std::find(loud.begin(), loud.end(), "--quiet"));
  CHECK_THAT(must(p.folder, loud).err, Contains("warning") && Contains("lonely"));
  std::filesystem::remove_all(p.folder / "train/lonely");

  const std::string victim = "train/class2/3.png";
  const Bytes sound = slurp(p.folder / victim);
  Bytes flipped = sound;
  for (std::size_t i = 60; i < 70; ++i) flipped[i] ^= 0xFF;
  for (const auto& [name, bytes] :
       std::vector<std::pair<std::string, Bytes>>{{"truncated", Bytes(sound.begin(), sound.begin() + 100)},
                                                  {"nothing", {}},
                                                  {"corrupt", flipped},
                                                  {"text", Bytes(50, 'x')}}) {
    INFO(name);
    spill(p.folder / victim, bytes);
    fails(p.folder, p.train({"--epochs", "8", "--run", name}), 3, {"class2/3.png"});
    const Arguments skip = {"--on-bad-image", "skip",        "--max-bad-fraction", "0.1", "--epochs", "8",
                            "--run",          name + "-skip"};
    CHECK_THAT(must(p.folder, p.train(skip)).err, Contains("skipped") && Contains("class2/3.png"));
    const Outcome verified = run_fledge(p.folder, {"data", "verify", "--data", "train", "--quiet"});
    CHECK(verified.code == 3);
    CHECK_THAT(verified.out, Contains("unreadable: 1") && Contains("class2/3.png"));
  }
  fails(p.folder, p.train({"--on-bad-image", "skip", "--epochs", "8", "--run", "too-many"}), 3, {"class2/3.png"});
}

TEST_CASE("models that do not fit", "[e2e][errors]") {
  const SmallPictures p;
  must(p.folder, p.train({"--run", "run", "--final-eval", "false"}));
  const std::string file = p.folder / "run/checkpoints/step-00000003/model.safetensors";
  fails(p.folder, p.train({"--run", "other", "--weights", file, "--width", "0.125"}), 3, {file, "resnet18"});
  fails(p.folder, p.train({"--run", "other", "--weights", file, "--arch", "mobilenet_v1", "--width", "0.25"}), 3,
        {file, "mobilenet_v1"});
  CHECK_FALSE(std::filesystem::exists(p.folder / "other"));

  auto content = fledge::load_safetensors(file);
  content.metadata["arch"] = "resnet34";
  fledge::save_safetensors(p.folder / "lies.safetensors", content.tensors, content.metadata);
  fails(p.folder, {"eval", "--model", "lies.safetensors", "--data", "test"}, 3, {"lies.safetensors", "resnet34"});
  fledge::save_safetensors(p.folder / "bare.safetensors", content.tensors, {});
  // Bare weights are recognised by their tensors, but not those of a network that fledge does not have.
  must(p.folder, {"eval", "--model", "bare.safetensors", "--data", "test", "--size", "28", "--quiet"});
  std::erase_if(content.tensors, [](const auto& t) { return t.first == "layer1.0.bn1.weight"; });
  fledge::save_safetensors(p.folder / "lacking.safetensors", content.tensors, {});
  fails(p.folder, {"eval", "--model", "lacking.safetensors", "--data", "test"}, 3,
        {"lacking.safetensors", "layer1.0.bn1.weight"});
  fledge::save_safetensors(p.folder / "other.safetensors", {{"w", fledge::ones({2, 2})}}, {});
  fails(p.folder, {"eval", "--model", "other.safetensors", "--data", "test"}, 3, {"other.safetensors", "inspect"});
  Bytes bytes = slurp(file);
  bytes.resize(bytes.size() / 2);
  spill(p.folder / "half.safetensors", bytes);
  fails(p.folder, {"eval", "--model", "half.safetensors", "--data", "test"}, 3, {"half.safetensors"});
  fails(p.folder, {"eval", "run"}, 3, {"run", "metrics.json"});

  // Teacher and student of different sizes: without a projection the absolute loss says so before anything is written.
  fails(p.folder,
        Arguments{"distill"} + tiny() +
            Arguments{"--teacher", "run", "--distill", "absolute", "--projection", "off", "--embedding", "8", "--run",
                      "d"},
        2, {"--embedding 16", "--projection auto"});
  CHECK_FALSE(std::filesystem::exists(p.folder / "d"));
  must(p.folder, Arguments{"distill"} + tiny() +
                     Arguments{"--teacher", "run", "--distill", "relative", "--embedding", "8", "--run", "d"});
}

TEST_CASE("run folders: taken, locked, changed, impossible", "[e2e][errors]") {
  const SmallPictures p;
  must(p.folder, p.train({"--run", "run"}));
  fails(p.folder, p.train({"--run", "run"}), 2, {"run", "--resume auto"});
  fails(p.folder, p.train({"--run", "run", "--resume", "auto", "--lr", "0.5"}), 2,
        {"config has changed", "lr = \"0.5\"", "--resume-allow-change"});
  fails(p.folder, p.train({"--run", "run", "--resume", "auto", "--seed", "9", "--resume-allow-change", "true"}), 2,
        {"--seed"});
  fails(p.folder, p.train({"--run", "run", "--resume", "auto", "--width", "0.125", "--resume-allow-change", "true"}), 3,
        {"step-00000003"});
  // A finished run goes on when it is given more epochs.
  must(p.folder, p.train({"--run", "run", "--resume", "auto", "--epochs", "2", "--resume-allow-change", "true"}));
  CHECK(log_lines(p.folder / "run", "step").size() == 6);

  spill(p.folder / "file", std::string("not a folder"));
  fails(p.folder, p.train({"--run", "file/run"}), 4, {"file/run", "--run"});
  fails(p.folder, {"embed", "--model", "run", "--data", "test", "--output", "no/folder/e", "--quiet"}, 4,
        {"no/folder/e"});

  Process holder(p.folder, p.train({"--run", "held", "--epochs", "100000"}));
  wait_until(holder, [&] { return !log_lines(p.folder / "held", "step").empty(); });
  fails(p.folder, p.train({"--run", "held", "--epochs", "100000", "--resume", "auto"}), 2, {"in use by process"});
  holder.signal(SIGINT);
  CHECK(holder.wait().code == 130);
  must(p.folder, {"eval", "--model", "held", "--data", "test", "--quiet"});
}

TEST_CASE("a loss that is no number stops the run before it is saved", "[e2e][errors]") {
  const SmallPictures p;
  fails(p.folder, p.train({"--run", "nan", "--lr", "1e30", "--epochs", "4", "--save-every", "1"}), 5,
        {"step", "--lr", "class"});
  REQUIRE_FALSE(checkpoints(p.folder / "nan").empty());
  for (const auto& line : log_lines(p.folder / "nan", "step")) CHECK_THAT(line, !Contains("null"));
}

TEST_CASE("a disk that fills up: earlier checkpoints stay, no scrap is left", "[e2e][errors]") {
  const SmallPictures p;
  const auto check_rest = [&](const std::string& run, const std::vector<std::string>& expected) {
    CHECK(checkpoints(run) == expected);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(run))
      CHECK_THAT(entry.path().filename().string(), !Contains("tmp"));
    must(p.folder, {"eval", "--model", run, "--data", "test", "--quiet"});
  };
  must(p.folder, p.train({"--run", "full", "--final-eval", "false"}));
  const Arguments more =
      p.train({"--run", "full", "--resume", "auto", "--resume-allow-change", "true", "--epochs", "3"});
  Process limited(p.folder, more, 100000);  // less than the weights take, more than the log
  const Outcome outcome = limited.wait();
  INFO(outcome.err);
  CHECK(outcome.code == 4);
  CHECK_THAT(outcome.err,
             Contains("step-00000006") && Contains("earlier checkpoints are untouched") && Contains("--resume auto"));
  check_rest(p.folder / "full", {"step-00000003"});
  must(p.folder, more);
  CHECK(log_lines(p.folder / "full", "step").size() == 9);

  // A real full disk, where a small one can be mounted.
  const std::string disk = p.folder / "disk";
  std::filesystem::create_directories(disk);
  if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=1000k") != 0) {
    WARN("left out: cannot mount a small disk here");
    return;
  }
  const Outcome on_disk =
      run_fledge(p.folder, p.train({"--run", "disk/run", "--epochs", "3", "--final-eval", "false"}));
  CHECK(on_disk.code == 4);
  CHECK_THAT(on_disk.err, Contains("No space left on device") || Contains("no space left on device"));
  check_rest(disk + "/run", {"step-00000003"});
  CHECK(::umount(disk.c_str()) == 0);
}
