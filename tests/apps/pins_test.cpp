// What the program does today, to the byte, so that code can be moved without changing it: configs of the presets,
// checkpoints and logs of short runs of every kind, eval and report. pins/ holds what was recorded. Everything runs on
// the plain loops ("ref"), whose numbers depend on no machine that has fused multiply-add (the C library's exp and log
// do). FLEDGE_PINS_WRITE=FOLDER records there instead of comparing, FLEDGE_CPU_KERNELS then chooses the kernels, so
// that two builds can be compared on the fast ones too: `diff -r`.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "data/identity/content.h"
#include "tests/apps/presets.h"

namespace fs = std::filesystem;
using namespace fledge::test;
using nlohmann::json;

namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

const std::string kWrite = variable("FLEDGE_PINS_WRITE");
const std::string kKernels =
    kWrite.empty() || variable("FLEDGE_CPU_KERNELS").empty() ? "ref" : variable("FLEDGE_CPU_KERNELS");

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

void check_pin(const std::string& name, const std::string& text) {
  if (!kWrite.empty()) {
    fs::create_directories(kWrite);
    std::ofstream(kWrite + "/" + name) << text;
    WARN("recorded, not compared: " << kWrite << "/" << name);
    return;
  }
  const std::string recorded = text_of(std::string(FLEDGE_SOURCE_DIR) + "/tests/apps/pins/" + name);
  REQUIRE_FALSE(recorded.empty());
  const auto was = lines_of(recorded), is = lines_of(text);
  for (std::size_t i = 0; i < std::max(was.size(), is.size()); ++i) {
    INFO(name << ", line " << i + 1);
    CHECK((i < is.size() ? is[i] : "(nothing)") == (i < was.size() ? was[i] : "(nothing)"));
  }
}

std::string hash_of(const std::string& text) {
  return fledge::to_text(fledge::content_of(text.data(), text.size())).substr(0, 16);
}

/// "a.b.c" of every value in an object.
void collect_keys(const json& value, const std::string& path, std::string& to) {
  if (!value.is_object()) {
    to += " " + path;
    return;
  }
  for (const auto& [key, below] : value.items()) collect_keys(below, path.empty() ? key : path + "." + key, to);
}

std::string keys_of(const json& value) {
  std::string keys;
  collect_keys(value, "", keys);
  return keys;
}

/// A line of the log without the times in it.
std::string timeless(const std::string& line) {
  json j = json::parse(line);
  for (const char* key : {"seconds", "images_per_second", "wait_seconds", "time"}) j.erase(key);
  return j.dump();
}

/// A page in which each picture is its hash, without what it says of the machine and its speed.
std::string settled_page(const std::string& page) {
  static const std::string kPicture = ";base64,";
  std::string text;
  std::size_t at = 0;
  for (std::size_t next; (next = page.find(kPicture, at)) != std::string::npos;) {
    const std::size_t begin = next + kPicture.size(), end = page.find_first_of("\"')", begin);
    text += page.substr(at, begin - at) + hash_of(page.substr(begin, end - begin));
    at = end;
  }
  std::string settled;
  for (const std::string& line : lines_of(text + page.substr(at)))
    if (line.find("<dt>time</dt>") == std::string::npos && line.find("<dt>machine</dt>") == std::string::npos)
      settled += line + "\n";
  return settled;
}

/// The lines of `config` that `base` does not have.
std::string differences(const std::string& config, const std::string& base) {
  const auto known = lines_of(base);
  std::string lines;
  for (const std::string& line : lines_of(config))
    if (std::find(known.begin(), known.end(), line) == known.end()) lines += "  " + line + "\n";
  return lines;
}

class Recorder {
 public:
  Recorder() {
    make_pictures(folder_ / "train", 6, 8, 32, 31);
    make_pictures(folder_ / "more", 4, 6, 32, 32);
    make_pictures(folder_ / "test", 3, 8, 32, 33);
    train_defaults_ = must(folder_, {"train", "--print-config"}).out;
    distill_defaults_ = must(folder_, {"distill", "--print-config"}).out;
  }
  const TempFolder& folder() const { return folder_; }

  void train(const std::string& run, const Arguments& more, const std::string& arch = "resnet18") {
    must(folder_, Arguments{"train"} + tiny(arch) + more + Arguments{"--run", run});
    note(run, train_defaults_);
  }
  void distill(const std::string& run, const std::string& losses, const Arguments& more = {}) {
    must(folder_, Arguments{"distill"} + tiny("mobilenet_v1") + Arguments{"--teacher", "teacher", "--distill", losses} +
                      more + Arguments{"--run", run});
    note(run, distill_defaults_);
  }
  std::string text() const { return text_; }

 private:
  void note(const std::string& run, const std::string& defaults) {
    const std::string path = folder_ / run;
    text_ += "== " + run + "\n" + differences(text_of(path + "/config.toml"), defaults);
    text_ += "run.json" + keys_of(read_json(path + "/run.json")) + "\n";
    const std::string last = path + "/checkpoints/" + checkpoints(path).back();
    for (const char* file : {"model.safetensors", "optimizer.safetensors"})
      text_ += std::string(file) + " " + hash_of(text_of(last + "/" + file)) + "\n";
    text_ += "state.json" + keys_of(read_json(last + "/state.json")) + "\n";
    for (const std::string& line : lines_of(text_of(path + "/log.jsonl"))) text_ += timeless(line) + "\n";
    if (fs::exists(path + "/metrics.json")) text_ += "metrics.json " + read_json(path + "/metrics.json").dump() + "\n";
  }

  TempFolder folder_;
  std::string train_defaults_, distill_defaults_, text_;
};

const Arguments kTeacher = {"--loss", "cosine-softmax", "--lr", "3e-3",        "--epochs",
                            "2",      "--eval-every",   "1",    "--pad-shift", "2"};

}  // namespace

TEST_CASE("pins: the resolved config of every preset", "[pins]") {
  const TempFolder folder;
  std::string text;
  const std::string train = must(folder, {"train", "--print-config"}).out;
  const std::string distill = must(folder, {"distill", "--print-config"}).out;
  text = "== train\n" + train + "== distill\n" + distill;
  for (const std::string& name : preset_names()) {
    const std::string verb = verb_of_preset(name);
    const std::string config = must(folder, {verb, "--preset", name, "--print-config"}).out;
    text += "== " + name + " " + hash_of(config) + "\n" + differences(config, verb == "distill" ? distill : train);
  }
  check_pin("presets.txt", text);
}

TEST_CASE("pins: the help of every verb", "[pins]") {
  const TempFolder folder;
  std::string text = must(folder, {"--help"}).out;
  for (const char* verb :
       {"train", "distill", "eval", "embed", "inspect", "convert", "report", "doctor", "search", "bench", "data"})
    text += must(folder, {verb, "--help"}).out;
  for (const char* action : {"verify", "stats", "prepare"}) text += must(folder, {"data", action, "--help"}).out;
  check_pin("help.txt", text);
}

TEST_CASE("pins: runs of every kind, on the CPU", "[pins]") {
  const Setting kernels("FLEDGE_CPU_KERNELS", kKernels);
  Recorder r;
  r.train("teacher", kTeacher);
  r.train("chosen", kTeacher + Arguments{"--validation", "0.34", "--patience", "3", "--small-classes", "shrink",
                                         "--clip-grad", "0.5", "--augment", "paper"});
  r.train("memory", {"--loss",       "memory", "--memory-size",  "64",   "--optimizer",  "sgd",   "--nesterov", "true",
                     "--lr",         "0.05",   "--weight-decay", "1e-4", "--decay-norm", "false", "--schedule", "step",
                     "--milestones", "1",      "--epochs",       "2"},
          "mobilenet_v1");
  r.distill("cached", "absolute=1,relative=0.3", {"--teacher-cache", "kept.cache", "--crops", "2", "--epochs", "2"});
  r.distill("maps", "hints=0.1,attention=1",
            {"--optimizer", "adamw", "--weight-decay", "0.01", "--warmup-epochs", "1"});
  r.distill("pairs", "darkrank=1,pkt=1,relaxed-contrastive=1,rkd-angle=1,rkd-distance=1");
  r.distill("half", "relative=1", {"--labelled", "0.5", "--unlabelled-per-batch", "4"});
  r.distill("others", "relative=1", {"--unlabelled", "more", "--unlabelled-per-batch", "4"});
  r.distill("poor", "absolute=1", {"--degrade", "downsample=2", "--freeze-bn", "true"});
  check_pin("runs.txt", r.text());

  const auto eval = [&](const Arguments& more) {
    return must(r.folder(), Arguments{"eval", "--data", "test", "--threads", "1", "--json", "--quiet"} + more).out;
  };
  check_pin("eval.txt", eval({"--model", "teacher"}) + eval({"--model", "cached", "--gallery", "more"}) +
                            must(r.folder(), {"eval", "teacher", "cached"}).out);
  must(r.folder(), {"report", "teacher", "cached", "--threads", "1", "--quiet"});
  check_pin("report.txt", settled_page(text_of(r.folder() / "report.html")));
}

TEST_CASE("pins: a run of each metric loss", "[pins]") {
  const Setting kernels("FLEDGE_CPU_KERNELS", kKernels);
  Recorder r;
  for (const char* loss :
       {"arcface", "contrastive", "cosface", "cosine-softmax", "margin", "multi-similarity", "n-pair", "nt-xent",
        "proxy-anchor", "proxy-nca", "softmax", "supcon", "triplet", "triplet-hard", "triplet-semihard"})
    r.train(loss, {"--loss", loss, "--test", "", "--final-eval", "false"});
  check_pin("losses.txt", r.text());
}

TEST_CASE("pins: runs on a GPU, emulated", "[pins][gpu]") {
  const Setting kernels("FLEDGE_CPU_KERNELS", kKernels), module("FLEDGE_CUDA_MODULE", FLEDGE_EMULATED_MODULE);
  Recorder r;
  const Arguments cuda = {"--device", "cuda"};
  r.train("teacher", kTeacher + cuda);
  r.train("memory", Arguments{"--loss", "memory", "--memory-size", "64", "--optimizer", "sgd"} + cuda, "mobilenet_v1");
  r.distill("cached", "absolute=1,relative=0.3",
            Arguments{"--teacher-cache", "kept.cache", "--crops", "2", "--epochs", "2"} + cuda);
  r.distill("half", "relative=1,hints=0.1", Arguments{"--labelled", "0.5", "--unlabelled-per-batch", "4"} + cuda);
  check_pin("gpu.txt", r.text());
}
