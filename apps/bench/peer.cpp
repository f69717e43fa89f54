#include "apps/bench/peer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "apps/bench/process.h"
#include "base/error.h"
#include "base/suggest.h"
#include "train/spec/words.h"

namespace fledge::bench {
namespace {

using Json = nlohmann::ordered_json;

std::vector<std::string> forms_of(const BenchOptions& o, bool on_device) {
  const std::vector<std::string> known =
      on_device ? std::vector<std::string>{"eager", "compile", "reduce-overhead", "max-autotune"}
                : std::vector<std::string>{"nchw", "nhwc", "compile"};
  if (o.forms.empty()) return {known[0], known[1]};
  std::vector<std::string> forms;
  std::stringstream stream(o.forms);
  for (std::string form; std::getline(stream, form, ',');) {
    if (std::find(known.begin(), known.end(), form) == known.end())
      throw Error(ErrorKind::Usage, "", "--forms: PyTorch does not run in the form '" + form + "' here",
                  did_you_mean(form, known));
    forms.push_back(form);
  }
  return forms;
}

std::string device_word(const BenchOptions& o, bool on_device) {
  if (!on_device) return "cpu";
  return o.machine.device.rfind("cuda", 0) == 0 ? o.machine.device : "cuda";
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

TorchPeer::TorchPeer(const BenchOptions& o, bool on_device, int threads)
    : o_(o), on_device_(on_device), threads_(threads), forms_(forms_of(o, on_device)) {
  const Json facts = call({"--probe"});
  version_ = facts.value("version", "");
  missing_ = facts.value("error", "");
}

Json TorchPeer::run(const std::string& case_text, const std::string& form) const {
  return call({case_text, "--form", form, "--size", std::to_string(o_.size), "--seconds", std::to_string(o_.seconds),
               "--precision", word(o_.machine.precision)});
}

Json TorchPeer::call(const std::vector<std::string>& arguments) const {
  std::vector<std::string> words = {o_.python, "-c", kTorchPeerScript};
  words.insert(words.end(), arguments.begin(), arguments.end());
  words.insert(words.end(), {"--device", device_word(o_, on_device_), "--threads", std::to_string(threads_)});
  std::vector<std::pair<std::string, std::string>> environment = {{"OMP_NUM_THREADS", std::to_string(threads_)}};
  if (!on_device_)  // memory that is kept: bench/README.md says why
    environment.insert(environment.end(), {{"MALLOC_MMAP_THRESHOLD_", "8589934592"},
                                           {"MALLOC_TRIM_THRESHOLD_", "17179869184"},
                                           {"MALLOC_TOP_PAD_", "268435456"}});
  const Finished f = run_process(words, environment, false);
  Json answer = last_object(f.out);
  if (f.code == 127 && f.out.empty()) return {{"error", "'" + o_.python + "' cannot be started"}};
  if (answer.is_null()) return {{"error", f.signal ? "ended by signal " + std::to_string(f.signal) : "gave no answer"}};
  return answer;
}

}  // namespace fledge::bench
