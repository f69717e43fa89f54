#include "train/run/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "io/file.h"
#include "io/folder.h"
#include "io/json_file.h"
#include "kernels/api/backend.h"
#include "tensor/context.h"
#include "train/spec/config_text.h"

namespace fledge {
namespace fs = std::filesystem;
using nlohmann::json;

RunFolder::RunFolder(const std::string& path, const std::string& config, bool resume, bool allow_change)
    : path_(path), config_(config) {
  std::error_code ec;
  made_folder_ = fs::create_directories(path_, ec);
  if (ec)
    throw Error(ErrorKind::Resource, "", "cannot make run folder '" + path + "': " + ec.message(),
                "choose another folder with --run");
  try {
    check_names();
    take_lock();
    check_config(resume, allow_change);
  } catch (...) {
    give_up();
    throw;
  }
}

// Only what a run's folder may hold, each of its kind: nothing is written through a link to somewhere else.
void RunFolder::check_names() const {
  for (const char* name : {"lock", "config.toml", "run.json", "log.jsonl", "metrics.json", "identity.tsv",
                           "checkpoints", "checkpoints/LATEST", "checkpoints/BEST"}) {
    const PathKind kind = kind_of(file(name));
    const bool folder = std::string(name) == "checkpoints";
    if (kind == PathKind::Absent || kind == (folder ? PathKind::Folder : PathKind::File)) continue;
    throw Error(ErrorKind::BadInput, "",
                "'" + file(name) + "' is " +
                    (kind == PathKind::Link ? "a symbolic link"
                     : folder               ? "no folder"
                                            : "no regular file") +
                    "; a run writes into its own folder only",
                "put it right, or choose another folder with --run");
  }
  if (kind_of(file("config.toml")) == PathKind::File) return;
  for (const auto& name : list_folder(path_))
    if (name != "lock" && !(temporary_owner(name) && temporary_target(name) == "config.toml"))
      throw Error(ErrorKind::Usage, "", "'" + path_ + "' holds no run, and is not empty ('" + name + "')",
                  "choose another folder with --run");
}

void RunFolder::take_lock() {
  for (;;) {
    made_lock_ = kind_of(file("lock")) == PathKind::Absent;
    lock_ = ::open(file("lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
    if (lock_ < 0)
      throw Error(ErrorKind::Resource, "", "cannot write to run folder '" + path_ + "': " + std::strerror(errno),
                  "choose another folder with --run");
    if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
      const int error = errno;
      made_lock_ = false;
      if (error != EWOULDBLOCK)
        throw Error(ErrorKind::Resource, "", "cannot lock run folder '" + path_ + "': " + std::strerror(error));
      char pid[32] = {};
      const bool known = ::read(lock_, pid, sizeof pid - 1) > 0 && ::kill(std::atoi(pid), 0) == 0;
      throw Error(ErrorKind::Usage, "",
                  "run folder '" + path_ + "' is in use" + (known ? " by process " + std::string(pid) : ""),
                  "wait for it, or choose another folder with --run");
    }
    struct stat held {
    }, there{};
    if (::fstat(lock_, &held) != 0)
      throw Error(ErrorKind::Resource, "", "cannot lock run folder '" + path_ + "': " + std::strerror(errno));
    // A refused start takes its own lock away again; then this one locks a file that has no name any more.
    if (::lstat(file("lock").c_str(), &there) == 0 && held.st_ino == there.st_ino) return;
    ::close(lock_);
    lock_ = -1;
  }
}

void RunFolder::check_config(bool resume, bool allow_change) const {
  const auto before = read_file_if_there(file("config.toml"));
  if (!before) return;
  if (!resume)
    throw Error(ErrorKind::Usage, "", "run folder '" + path_ + "' holds a run already",
                "go on with --resume auto, or choose another folder with --run");
  const std::string changed = changed_settings({before->begin(), before->end()}, config_);
  if (!changed.empty() && !allow_change)
    throw Error(ErrorKind::Usage, "", "cannot resume '" + path_ + "': the config has changed: " + changed,
                "use the same values, or say --resume-allow-change true");
}

void RunFolder::begin(std::int64_t step, std::int64_t lines) {
  begun_ = true;
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(lock_, 0) != 0 || ::pwrite(lock_, pid.data(), pid.size(), 0) < 0) {
    // The lock itself holds; only its holder's number could not be noted.
  }
  for (const auto& name : list_folder(path_)) {
    const auto owner = temporary_owner(name);
    if (!owner) continue;
    const std::string target = temporary_target(name);
    const bool own = target == "config.toml" || target == "run.json" || target == "log.jsonl" ||
                     target == "metrics.json" || target == "identity.tsv";
    // Of the run's own files only the holder of the lock writes temporaries; others may have a living writer.
    if (own || (::kill(static_cast<pid_t>(*owner), 0) != 0 && errno == ESRCH)) remove_tree(file(name));
  }
  write_file_atomic(file("config.toml"), config_);
  rewind_log(step, lines);
}

namespace {

/// Does the line tell of what came after a step? A warning is told of the step under way.
bool is_after(const std::string& line, std::int64_t step) {
  const json j = parse_json(line);
  if (!j.is_object() || !j.contains("step") || !j["step"].is_number_integer()) return true;
  const std::string type = j.contains("type") && j["type"].is_string() ? j["type"].get<std::string>() : "";
  const bool under_way = type == "warning" || type == "skipped" || type == "not_finite";
  return j["step"].get<std::int64_t>() > step + under_way;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0, end; (end = text.find('\n', at)) != std::string::npos; at = end + 1)
    lines.push_back(text.substr(at, end - at));
  return lines;
}

}  // namespace

// To the first `lines` lines; where the log does not hold just those (a state that did not count, a log that was lost
// or cut by another hand), by the lines' own steps.
void RunFolder::rewind_log(std::int64_t step, std::int64_t lines) {
  const auto bytes = read_file_if_there(file("log.jsonl"));
  const std::string before = bytes ? std::string(bytes->begin(), bytes->end()) : "";
  std::vector<std::string> kept = lines_of(before);
  const auto there = static_cast<std::int64_t>(kept.size());
  const bool counted =
      lines >= 0 && there >= lines && (lines == 0 || !is_after(kept[static_cast<std::size_t>(lines - 1)], step));
  if (counted)
    kept.resize(static_cast<std::size_t>(lines));
  else
    std::erase_if(kept, [&](const std::string& line) { return is_after(line, step); });
  log_lines_ = static_cast<std::int64_t>(kept.size());
  if (lines > log_lines_)
    std::fprintf(stderr, "warning: '%s' has lost %lld lines\n", file("log.jsonl").c_str(),
                 static_cast<long long>(lines - log_lines_));
  std::string text;
  for (const std::string& line : kept) text += line + "\n";
  if (!bytes || text != before) write_file_atomic(file("log.jsonl"), text);
  log_ = ::open(file("log.jsonl").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (log_ < 0) log_failed(errno);
}

// A start that was refused leaves nothing: what it made goes again, while the lock is held.
void RunFolder::give_up() {
  if (made_lock_) ::unlink(file("lock").c_str());
  if (made_folder_) ::rmdir(path_.c_str());
  if (lock_ >= 0) ::close(lock_);
  lock_ = -1;
}

RunFolder::~RunFolder() {
  if (log_ >= 0) ::close(log_);
  if (!begun_) give_up();
  if (lock_ >= 0) ::close(lock_);
}

std::string RunFolder::file(const std::string& name) const { return (fs::path(path_) / name).string(); }

void RunFolder::log_failed(int error) const {
  throw Error(ErrorKind::Resource, "", "cannot write '" + file("log.jsonl") + "': " + std::strerror(error),
              "make room, then go on with --resume auto");
}

void RunFolder::log(const std::string& json_line) {
  const std::string line = json_line + "\n";
  for (std::size_t done = 0; done < line.size();) {
    const ssize_t n = ::write(log_, line.data() + done, line.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) log_failed(errno);
    done += static_cast<std::size_t>(n);
  }
  ++log_lines_;
}

void RunFolder::sync_log() {
  if (::fdatasync(log_) != 0) log_failed(errno);
}

std::string run_json(const std::string& config, const std::string& command, const std::string& dataset,
                     const std::string& gpu) {
  const CpuLibrary library = cpu_library();
  json machine = {
      {"isa", cpu_isa()}, {"threads", num_threads()}, {"onednn", library.version}, {"onednn_isa", library.isa}};
  if (!gpu.empty()) machine["gpu"] = gpu;
  return json_text(json{{"format", "fledge-run-1"},
                        {"version", FLEDGE_VERSION},
                        {"command", command},
                        {"dataset", dataset},
                        {"config", config},
                        {"machine", machine}},
                   2);
}

}  // namespace fledge
