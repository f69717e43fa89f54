#include "tests/faults/sweep.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <sstream>

namespace fledge::test {
namespace fs = std::filesystem;

namespace {

constexpr std::size_t kStepsBetweenSaves = 2;

std::vector<std::string> log_of(const std::string& run) {
  std::vector<std::string> lines;
  if (!fs::exists(run + "/log.jsonl")) return lines;
  std::istringstream in(text_of(run + "/log.jsonl"));
  for (std::string line; std::getline(in, line);) {
    const auto j = nlohmann::json::parse(line, nullptr, false);
    if (!j.is_object()) {
      lines.push_back("torn: " + line);
      continue;
    }
    for (const char* type : {"step", "eval", "validation", "warning"})
      if (j["type"] == type) lines.push_back(line);
  }
  return lines;
}

std::size_t steps_in(const std::vector<std::string>& log) {
  return static_cast<std::size_t>(std::count_if(
      log.begin(), log.end(), [](const std::string& l) { return l.find(R"("type":"step")") != std::string::npos; }));
}

/// Set while a child starts: the library that makes calls fail, and what it is to do.
struct Fault {
  Fault(const std::string& folder, const std::string& what, const std::string& report)
      : preload("LD_PRELOAD", FLEDGE_FAULT_LIBRARY),
        below("FLEDGE_FAULT_FOLDER", folder),
        fault("FLEDGE_FAULT", what),
        counted("FLEDGE_FAULT_REPORT", report) {}
  Setting preload, below, fault, counted;
};

}  // namespace

RunContents contents_of(const std::string& run) {
  RunContents c;
  for (const auto& entry : fs::recursive_directory_iterator(run)) {
    const std::string name = fs::relative(entry.path(), run).string();
    if (name.find("tmp") != std::string::npos || name.ends_with(".old")) c.scraps.push_back(name);
    const bool result = name == "metrics.json" || name.starts_with("checkpoints/");
    if (entry.is_regular_file() && result) c.files[name] = slurp(entry.path().string());
  }
  c.log = log_of(run);
  return c;
}

std::string difference(const RunContents& is, const RunContents& should) {
  std::string d;
  for (const auto& [name, bytes] : should.files) {
    const auto found = is.files.find(name);
    if (found == is.files.end()) d += name + " is missing; ";
    if (found != is.files.end() && found->second != bytes) d += name + " differs; ";
  }
  for (const auto& [name, bytes] : is.files)
    if (!should.files.contains(name)) d += name + " should not be there; ";
  if (is.log != should.log)
    d += "log.jsonl has " + std::to_string(is.log.size()) + " lines of " + std::to_string(should.log.size()) +
         (is.log.size() == should.log.size() ? ", others; " : "; ");
  for (const auto& name : is.scraps) d += name + " is left; ";
  return d;
}

FaultSweep::FaultSweep(int keep) : keep_(keep) {
  make_pictures(folder_ / "train", 6, 8, 36, 11);
  make_pictures(folder_ / "test", 3, 8, 36, 12);
  must(folder_, arguments() + Arguments{"--run", "whole"});
  whole_ = contents_of(folder_ / "whole");
  const std::string report = folder_ / "counts";
  {
    const Fault none(folder_ / "counted", "", report);
    must(folder_, arguments() + Arguments{"--run", "counted"});
  }
  REQUIRE(difference(contents_of(folder_ / "counted"), whole_) == "");
  std::istringstream in(text_of(report));
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string call;
    auto& so_far = calls_.emplace_back();
    for (int count; words >> call >> count;) so_far[call] = count;
  }
  REQUIRE(calls_.size() > 5);
  REQUIRE(calls_.back().at("write") > 20);  // the library is really there
  REQUIRE(calls_.back().at("fsync") > 10);
}

FaultSweep::Range FaultSweep::one_save(const std::string& call) const {
  // A save makes two folders. The end of the run stands last, before it the last save's two folders.
  const std::size_t next = calls_.size() - 3, first = next - 2;
  return {calls_[first].at(call), calls_[next].at(call)};
}

Arguments FaultSweep::arguments() const {
  Arguments shared = tiny();
  std::erase(shared, "--quiet");  // where a run goes on from is said on stderr
  return Arguments{"train"} + shared +
         Arguments{"--epochs",     "2",       "--save-every", "2",     "--keep",       std::to_string(keep_),
                   "--loss",       "triplet", "--optimizer",  "adamw", "--seed",       "5",
                   "--schedule",   "cosine",  "--validation", "0.34",  "--batch-size", "8",
                   "--eval-every", "1"};
}

std::string FaultSweep::tried(const std::string& action, const std::string& call, int k) const {
  const std::string run = folder_ / "r";
  fs::remove_all(run);
  const bool kills = action == "kill" || action == "torn";
  Outcome o;
  {
    const Fault fault(run, action + ":" + call + ":" + std::to_string(k), "");
    o = run_fledge(folder_, arguments() + Arguments{"--run", "r"});
  }
  if (kills && o.code != 1000 + SIGKILL) return "it was not killed: exit code " + std::to_string(o.code);
  // 0: a failure that harmed nothing; what it left goes at the next start.
  if (!kills && o.code != 0 && o.code != 4) return "exit code " + std::to_string(o.code) + ": " + o.err;
  const std::size_t logged = steps_in(log_of(run));
  const Outcome resumed = run_fledge(folder_, arguments() + Arguments{"--run", "r", "--resume", "auto"});
  if (resumed.code != 0) return "resume ends with " + std::to_string(resumed.code) + ": " + resumed.err;
  std::string wrong = difference(contents_of(run), whole_);
  const std::size_t at = resumed.err.find("resumed at step ");
  const bool complete = resumed.err.find("is complete") != std::string::npos;
  const std::size_t from = complete ? 6 : at == std::string::npos ? 0 : std::stoul(resumed.err.substr(at + 16));
  if (logged > from + kStepsBetweenSaves)
    wrong += std::to_string(logged) + " steps were logged, it went on from " + std::to_string(from);
  return wrong;
}

}  // namespace fledge::test
