// A run's folder: the lock, config.toml and run.json, log.jsonl, metrics.json, checkpoints/.
#pragma once
#include <cstdint>
#include <string>

namespace fledge {

class RunFolder {
 public:
  /// Creates the folder and takes its lock. Errors: unwritable (Resource), another process runs in it (Usage, names the
  /// pid), it holds a run already and `resume` is false (Usage), it holds another config and `allow_change` is false
  /// (Usage, shows the lines).
  RunFolder(const std::string& path, const std::string& config, bool resume, bool allow_change);
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const;
  /// Drops log lines of steps after `step`: a resumed run writes them again.
  void rewind_log(std::int64_t step);
  /// One JSON object, one line, flushed.
  void log(const std::string& json_line);

 private:
  void open_log();
  std::string path_;
  int lock_ = -1;
  int log_ = -1;
};

/// run.json: config, command line, version, machine (ISA, threads, oneDNN).
std::string run_json(const std::string& config, const std::string& command, const std::string& dataset,
                     const std::string& gpu);

}  // namespace fledge
