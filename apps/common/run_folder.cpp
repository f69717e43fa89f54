#include "apps/common/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "io/file.h"
#include "kernels/api/backend.h"
#include "kernels/api/error.h"
#include "tensor/context.h"

namespace fledge {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string text_of(const std::string& path) {
  const auto bytes = read_file(path);
  return {bytes.begin(), bytes.end()};
}

// Lines of `now` that are not in `before`, without those that may change between the parts of one run.
std::string changed_lines(const std::string& before, const std::string& now) {
  std::set<std::string> old;
  std::string line, changed;
  for (std::istringstream in(before); std::getline(in, line);) old.insert(line);
  for (std::istringstream in(now); std::getline(in, line);) {
    const std::string key = line.substr(0, line.find(' '));
    static const std::set<std::string> kFree = {
        "resume",       "resume-allow-change", "quiet",     "run",        "seeds",      "workers",
        "keep",         "save-every",          "cache-mb",  "eval-every", "final-eval", "recall-at",
        "test-queries", "teacher-cache",       "step-graph"};
    // How often a choosing run looks decides what it chooses.
    // A run from before there was a choice computed in f32.
    if (line == "precision = \"f32\"" && before.find("\nprecision = ") == std::string::npos) continue;
    const bool free =
        kFree.count(key) && !(key == "eval-every" && now.find("\nvalidation = \"0\"\n") == std::string::npos);
    if (!old.count(line) && !free) changed += (changed.empty() ? "" : ", ") + line;
  }
  return changed;
}

}  // namespace

RunFolder::RunFolder(const std::string& path, const std::string& config, bool resume, bool allow_change) : path_(path) {
  std::error_code ec;
  fs::create_directories(path_, ec);
  if (ec)
    throw Error(ErrorKind::Resource, "", "cannot make run folder '" + path + "': " + ec.message(),
                "choose another folder with --run");
  lock_ = ::open(file("lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock_ < 0)
    throw Error(ErrorKind::Resource, "", "cannot write to run folder '" + path + "': " + std::strerror(errno),
                "choose another folder with --run");
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    char pid[32] = {};
    const bool known = ::read(lock_, pid, sizeof pid - 1) > 0;
    ::close(lock_);
    lock_ = -1;
    throw Error(ErrorKind::Usage, "",
                "run folder '" + path + "' is in use" + (known ? " by process " + std::string(pid) : ""),
                "wait for it, or choose another folder with --run");
  }
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(lock_, 0) != 0 || ::write(lock_, pid.data(), pid.size()) < 0) {
    // The lock itself holds; only its holder's number could not be noted.
  }
  const std::string config_file = file("config.toml");
  if (fs::exists(config_file)) {
    if (!resume)
      throw Error(ErrorKind::Usage, "", "run folder '" + path + "' holds a run already",
                  "go on with --resume auto, or choose another folder with --run");
    const std::string changed = changed_lines(text_of(config_file), config);
    if (!changed.empty() && !allow_change)
      throw Error(ErrorKind::Usage, "", "cannot resume '" + path + "': the config has changed: " + changed,
                  "use the same values, or say --resume-allow-change");
  }
  write_file_atomic(config_file, config);
  open_log();
}

void RunFolder::open_log() {
  log_ = ::open(file("log.jsonl").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log_ < 0)
    throw Error(ErrorKind::Resource, "", "cannot write '" + file("log.jsonl") + "': " + std::strerror(errno));
}

RunFolder::~RunFolder() {
  if (log_ >= 0) ::close(log_);
  if (lock_ >= 0) ::close(lock_);
}

std::string RunFolder::file(const std::string& name) const { return (fs::path(path_) / name).string(); }

void RunFolder::rewind_log(std::int64_t step) {
  std::string kept;
  std::istringstream lines(text_of(file("log.jsonl")));
  for (std::string line; std::getline(lines, line);) {
    const json j = json::parse(line, nullptr, false);  // a torn last line is dropped
    if (j.is_object() && j.value("step", std::int64_t{0}) <= step) kept += line + "\n";
  }
  write_file_atomic(file("log.jsonl"), kept);
  ::close(log_);
  open_log();
}

void RunFolder::log(const std::string& json_line) {
  const std::string line = json_line + "\n";
  if (::write(log_, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
    throw Error(ErrorKind::Resource, "", "cannot write '" + file("log.jsonl") + "': " + std::strerror(errno),
                "make room, then go on with --resume auto");
}

std::string run_json(const std::string& config, const std::string& command, const std::string& dataset,
                     const std::string& gpu) {
  json machine = {{"isa", cpu_isa()}, {"threads", num_threads()}, {"onednn", onednn_version()}};
  if (!gpu.empty()) machine["gpu"] = gpu;
  return json{{"format", "fledge-run-1"}, {"version", FLEDGE_VERSION}, {"command", command},
              {"dataset", dataset},       {"config", config},          {"machine", machine}}
      .dump(2);
}

}  // namespace fledge
