// A run's folder: the lock, config.toml and run.json, log.jsonl, metrics.json, checkpoints/.
#pragma once
#include <cstdint>
#include <string>

namespace fledge {

class RunFolder {
 public:
  /// Creates the folder where it is missing and takes its lock; of what is in it nothing changes before begin().
  /// Errors: unwritable (Resource), another process runs in it (Usage, names the pid), it holds a run already and
  /// `resume` is false (Usage), it holds another config and `allow_change` is false (Usage, shows the lines), it holds
  /// other things and no run (Usage), one of a run's names is a link or no file (BadInput).
  RunFolder(const std::string& path, const std::string& config, bool resume, bool allow_change);
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const;
  /// Writing starts: temporaries of dead processes go, the config is written, and the log ends after its first `lines`
  /// lines (-1: after those of steps up to `step`), as a resumed run writes the others again.
  void begin(std::int64_t step, std::int64_t lines);
  /// Lines of the log so far.
  std::int64_t log_lines() const { return log_lines_; }
  /// The log so far is on disk afterwards.
  void sync_log();
  /// One JSON object, one line, flushed.
  void log(const std::string& json_line);

 private:
  void give_up();
  void take_lock();
  void check_names() const;
  void check_config(bool resume, bool allow_change) const;
  void rewind_log(std::int64_t step, std::int64_t lines);
  [[noreturn]] void log_failed(int error) const;
  std::string path_, config_;
  bool made_folder_ = false, made_lock_ = false, begun_ = false;
  int lock_ = -1;
  int log_ = -1;
  std::int64_t log_lines_ = 0;
};

/// run.json: config, command line, version, machine (ISA, threads, oneDNN).
std::string run_json(const std::string& config, const std::string& command, const std::string& dataset,
                     const std::string& gpu);

}  // namespace fledge
