#include "apps/bench/peers.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "apps/bench/process.h"
#include "base/environment.h"
#include "base/error.h"
#include "base/suggest.h"
#include "train/spec/words.h"

namespace fledge::bench {
namespace {

using Json = nlohmann::ordered_json;
using Words = std::vector<std::string>;

constexpr const char* kNoPython = "it cannot be started";

struct PeerKind {
  const char *name, *modes, *install;
  bool on_device = false;
};
constexpr PeerKind kPeers[] = {{"torch", "infer train distill start", "numpy torch torchvision", true},
                               {"torch-compile", "infer train distill", "numpy torch torchvision", true},
                               {"onnxruntime", "infer start", "numpy onnxruntime"},
                               {"openvino", "infer start", "numpy openvino"},
                               {"ncnn", "infer start", "numpy ncnn"},
                               {"torchvision", "load", "numpy torch torchvision"},
                               {"opencv", "load", "numpy opencv-python-headless"},
                               {"pillow", "load", "numpy pillow"},
                               {"faiss", "retrieval", "numpy faiss-cpu"}};

const PeerKind& kind_of_peer(const std::string& name) {
  return *std::find_if(std::begin(kPeers), std::end(kPeers), [&](const PeerKind& k) { return name == k.name; });
}

bool has(const Words& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// The words of a flag, each of `known`; `all` where it is empty or says so.
Words choice(const std::string& text, const std::string& flag, const Words& known, const Words& all) {
  Words chosen;
  for (const std::string& word : comma_separated(text)) {
    if (word == "all") return all;
    if (!has(known, word))
      throw Error(ErrorKind::Usage, "", flag + ": there is no '" + word + "' here", did_you_mean(word, known));
    if (!has(chosen, word)) chosen.push_back(word);
  }
  return chosen.empty() ? all : chosen;
}

std::string script_path() {
  const std::string given = environment("FLEDGE_PEERS");
  const std::string path = (given.empty() ? FLEDGE_PEERS_FOLDER : given) + "/peer.py";
  if (!std::filesystem::exists(path))
    throw Error(ErrorKind::Resource, "", "no script for --against at " + path,
                "set FLEDGE_PEERS to the folder bench/peers of fledge's sources");
  return path;
}

std::string python_of(const BenchOptions& o) {
  const std::string given = o.python.empty() ? environment("FLEDGE_PYTHON") : o.python;
  return given.empty() ? "python3" : given;
}

/// An allocator that keeps its memory: bench/README.md says why.
std::vector<std::pair<std::string, std::string>> keeping_memory() {
  for (const char* path : {"/usr/lib/x86_64-linux-gnu/libjemalloc.so.2", "/usr/lib/aarch64-linux-gnu/libjemalloc.so.2",
                           "/usr/lib64/libjemalloc.so.2", "/usr/local/lib/libjemalloc.so.2"})
    if (std::filesystem::exists(path))
      return {{"LD_PRELOAD", path}, {"MALLOC_CONF", "dirty_decay_ms:-1,muzzy_decay_ms:-1,thp:always"}};
  return {{"MALLOC_MMAP_THRESHOLD_", "8589934592"},
          {"MALLOC_TRIM_THRESHOLD_", "17179869184"},
          {"MALLOC_TOP_PAD_", "268435456"}};
}

}  // namespace

Json last_object(const std::string& output) {
  std::stringstream stream(output);
  Json last;
  for (std::string line; std::getline(stream, line);) {
    Json j = Json::parse(line, nullptr, false);
    if (j.is_object()) last = std::move(j);
  }
  return last;
}

std::vector<std::string> comma_separated(const std::string& text) {
  Words words;
  std::stringstream stream(text);
  for (std::string word; std::getline(stream, word, ',');)
    if (!word.empty()) words.push_back(word);
  return words;
}

std::int64_t monotonic_ns() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

Peers::Peers(const BenchOptions& o, bool on_device)
    : o_(o), on_device_(on_device), python_(python_of(o)), script_(script_path()) {
  Words known;
  for (const PeerKind& k : kPeers)
    if (k.on_device || !on_device) known.push_back(k.name);
  variants_ = on_device ? choice(o.variants, "--variants", {"tuned", "reduce-overhead", "max-autotune"}, {"tuned"})
                        : choice(o.variants, "--variants", {"default", "tuned"}, {"default", "tuned"});
  for (const std::string& peer : choice(o.against, "--against", known, known)) look_for(peer);
}

void Peers::look_for(const std::string& peer) {
  const Json facts = call({"--probe", peer}, 1, false);
  if (facts.contains("version")) {
    there_.push_back(peer);
    const std::string version = facts.value("version", "");
    if (!has(versions_, version)) versions_.push_back(version);
    return;
  }
  const std::string error = facts.value("error", "no answer");
  missing_.push_back(peer + " cannot be used by '" + python_ + "': " + error + "; " +
                     (error == kNoPython
                          ? "name a Python by --python or FLEDGE_PYTHON; to install it there: pip install "
                          : "to install it: '" + python_ + "' -m pip install ") +
                     kind_of_peer(peer).install);
}

std::vector<Program> Peers::programs_for(const BenchCase& c) const {
  std::vector<Program> programs;
  for (const std::string& peer : there_) {
    std::stringstream modes(kind_of_peer(peer).modes);
    bool able = false;
    for (std::string mode; modes >> mode;) able |= mode == c.mode_word();
    if (!able) continue;
    for (const std::string& variant : variants_)
      if (variant == "default" || variant == "tuned" || peer == "torch-compile") programs.push_back({peer, variant});
  }
  return programs;
}

std::string Peers::prepare(const BenchCase& c, const std::string& folder) const {
  return call({"--prepare", c.text, "--folder", folder, "--size", std::to_string(o_.size)}, 1, false)
      .value("error", "");
}

Json Peers::run(const Program& program, const BenchCase& c, int threads, const std::string& folder) const {
  return call(
      {program.peer, c.text, "--folder", folder, "--variant", program.variant, "--size", std::to_string(o_.size),
       "--seconds", std::to_string(o_.seconds), "--precision", word(o_.machine.precision)},
      threads, program.variant != "default");
}

Json Peers::call(const Words& arguments, int threads, bool tuned) const {
  const std::string count = std::to_string(threads);
  const std::string device = !on_device_ ? "cpu" : o_.machine.device.rfind("cuda", 0) == 0 ? o_.machine.device : "cuda";
  Words words = {python_, script_};
  words.insert(words.end(), arguments.begin(), arguments.end());
  words.insert(words.end(), {"--device", device, "--threads", count, "--since", std::to_string(monotonic_ns())});
  std::vector<std::pair<std::string, std::string>> variables = {
      {"OMP_NUM_THREADS", count}, {"OPENBLAS_NUM_THREADS", count}, {"MKL_NUM_THREADS", count}};
  if (tuned && !on_device_)
    for (auto& variable : keeping_memory()) variables.push_back(std::move(variable));
  const Finished f = run_process(words, variables, false);
  Json answer = last_object(f.out);
  if (f.code == 127 && f.out.empty()) return {{"error", kNoPython}};
  if (!answer.is_null()) return answer;
  if (f.signal == 9) return {{"error", "ended by signal 9: out of memory?"}};
  return {{"error", f.signal ? "ended by signal " + std::to_string(f.signal) : "gave no answer"}};
}

}  // namespace fledge::bench
