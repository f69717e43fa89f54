#include "apps/common/checkpoint.h"

#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "io/checkpoint/safetensors.h"
#include "io/file.h"
#include "kernels/api/error.h"

namespace fledge {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const char* const kFiles[] = {"model.safetensors", "optimizer.safetensors", "state.json"};

std::string step_name(std::int64_t step) {
  char name[32];
  std::snprintf(name, sizeof name, "step-%08lld", static_cast<long long>(step));
  return name;
}

std::string checksum(const std::vector<std::uint8_t>& bytes) {
  const XXH128_hash_t h = XXH3_128bits(bytes.data(), bytes.size());
  char text[40];
  std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(h.high64),
                static_cast<unsigned long long>(h.low64));
  return text;
}

void sync_folder(const fs::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

std::string state_text(const RunState& s) {
  return json{{"format", "fledge-state-1"},
              {"step", s.step},
              {"epoch", s.epoch},
              {"batch", s.batch},
              {"seed", s.seed},
              {"order_hash", s.order_hash},
              {"finished", s.finished},
              {"evaluation_due", s.evaluation_due},
              {"best", s.best},
              {"best_step", s.best_step},
              {"since_best", s.since_best},
              {"epoch_sums", s.epoch_sums}}
      .dump(2);
}

RunState parse_state(const std::string& path) {
  try {
    const auto bytes = read_file(path);
    const json j = json::parse(bytes.begin(), bytes.end());
    RunState s;
    s.step = j.at("step"), s.epoch = j.at("epoch"), s.batch = j.at("batch"), s.seed = j.at("seed");
    s.order_hash = j.at("order_hash"), s.finished = j.at("finished");
    s.evaluation_due = j.value("evaluation_due", false);
    s.best = j.value("best", -1.0), s.best_step = j.value("best_step", std::int64_t{0});
    s.since_best = j.value("since_best", std::int64_t{0});
    s.epoch_sums = j.at("epoch_sums").get<std::map<std::string, double>>();
    return s;
  } catch (const json::exception& e) {
    throw Error(ErrorKind::BadInput, "", "'" + path + "' is no run state: " + e.what());
  }
}

// Empty when sound, else what is wrong.
std::string damage(const fs::path& folder) {
  try {
    const auto bytes = read_file((folder / "MANIFEST").string());
    std::istringstream lines(std::string(bytes.begin(), bytes.end()));
    std::string name, hash, format;
    std::uint64_t size = 0;
    std::getline(lines, format);
    if (format != "fledge-checkpoint-1") return "unknown format '" + format + "'";
    int files = 0;
    while (lines >> name >> size >> hash) {
      const auto content = read_file((folder / name).string());
      if (content.size() != size || checksum(content) != hash) return name + " differs from its checksum";
      ++files;
    }
    return files == 3 ? "" : "MANIFEST is incomplete";
  } catch (const Error& e) {
    return e.what();
  }
}

std::vector<fs::path> checkpoint_folders(const std::string& run) {
  std::vector<fs::path> folders;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(fs::path(run) / "checkpoints", ignored))
    if (entry.is_directory() && entry.path().filename().string().rfind("step-", 0) == 0 &&
        entry.path().extension() != ".corrupt")
      folders.push_back(entry.path());
  std::sort(folders.begin(), folders.end());
  return folders;
}

void remove_stale_temporaries(const fs::path& folder) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored))
    if (entry.path().filename().string().rfind(".tmp-", 0) == 0) fs::remove_all(entry.path(), ignored);
}

void write_files(const fs::path& folder, const Checkpoint& c) {
  save_safetensors((folder / kFiles[0]).string(), c.model, c.model_metadata);
  save_safetensors((folder / kFiles[1]).string(), c.optimizer, {{"format", "fledge-optimizer-1"}});
  write_file_atomic((folder / kFiles[2]).string(), state_text(c.state));
  std::string manifest = "fledge-checkpoint-1\n";
  for (const char* name : kFiles) {
    const auto bytes = read_file((folder / name).string());
    manifest += std::string(name) + " " + std::to_string(bytes.size()) + " " + checksum(bytes) + "\n";
  }
  write_file_atomic((folder / "MANIFEST").string(), manifest);
  sync_folder(folder);
}

}  // namespace

void save_checkpoint(const std::string& run, const Checkpoint& checkpoint, std::int64_t keep) {
  const fs::path base = fs::path(run) / "checkpoints";
  const fs::path temporary = base / (".tmp-" + step_name(checkpoint.state.step) + "-" + std::to_string(::getpid()));
  const fs::path target = base / step_name(checkpoint.state.step);
  try {
    fs::create_directories(base);
    remove_stale_temporaries(base);
    fs::create_directory(temporary);
    write_files(temporary, checkpoint);
    if (fs::exists(target)) {  // the same step again (a finished run resumed): swap, never a moment without it
      const fs::path old = base / (".tmp-old-" + std::to_string(::getpid()));
      fs::rename(target, old);
      fs::rename(temporary, target);
      fs::remove_all(old);
    } else {
      fs::rename(temporary, target);
    }
    sync_folder(base);
    write_file_atomic((base / "LATEST").string(), target.filename().string() + "\n");
  } catch (const fs::filesystem_error& e) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw Error(ErrorKind::Resource, "", "cannot write checkpoint '" + target.string() + "': " + e.code().message(),
                "earlier checkpoints are untouched; make room or rights, then go on with --resume auto");
  } catch (const Error& e) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw Error(e.kind(), "", "cannot write checkpoint '" + target.string() + "': " + e.problem(),
                "earlier checkpoints are untouched; make room or rights, then go on with --resume auto");
  }
  auto folders = checkpoint_folders(run);
  std::error_code ignored;
  const std::string best = step_name(checkpoint.state.best_step);
  for (std::size_t i = 0; i + keep < folders.size(); ++i)
    if (folders[i] != target && folders[i].filename() != best) fs::remove_all(folders[i], ignored);
}

std::optional<std::string> newest_checkpoint(const std::string& run, bool set_aside) {
  auto folders = checkpoint_folders(run);
  for (auto it = folders.rbegin(); it != folders.rend(); ++it) {
    const std::string problem = damage(*it);
    if (problem.empty()) return it->string();
    std::fprintf(stderr, "warning: checkpoint %s is damaged (%s): %s\n", it->c_str(), problem.c_str(),
                 set_aside ? "renamed to *.corrupt and skipped" : "skipped");
    if (!set_aside) continue;
    std::error_code ignored;
    const fs::path aside = it->string() + ".corrupt";
    fs::remove_all(aside, ignored);  // of an earlier damage at the same step
    fs::rename(*it, aside, ignored);
  }
  return std::nullopt;
}

void mark_best(const std::string& run, std::int64_t step) {
  write_file_atomic((fs::path(run) / "checkpoints" / "BEST").string(), step_name(step) + "\n");
}

std::optional<std::string> result_checkpoint(const std::string& run) {
  const fs::path base = fs::path(run) / "checkpoints";
  std::error_code ignored;
  if (fs::exists(base / "BEST", ignored)) {
    const auto bytes = read_file((base / "BEST").string());
    const std::string name(bytes.begin(), std::find(bytes.begin(), bytes.end(), '\n'));
    const std::string problem = damage(base / name);
    if (problem.empty()) return (base / name).string();
    std::fprintf(stderr, "warning: the chosen checkpoint %s is damaged (%s): the newest takes its place\n",
                 (base / name).c_str(), problem.c_str());
  }
  return newest_checkpoint(run, false);
}

Checkpoint load_checkpoint(const std::string& folder) {
  Checkpoint c;
  auto model = load_safetensors((fs::path(folder) / kFiles[0]).string());
  c.model = std::move(model.tensors);
  c.model_metadata = std::move(model.metadata);
  c.optimizer = load_safetensors((fs::path(folder) / kFiles[1]).string()).tensors;
  c.state = parse_state((fs::path(folder) / kFiles[2]).string());
  return c;
}

}  // namespace fledge
