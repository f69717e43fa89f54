#include "train/run/checkpoint.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <vector>

#include "base/error.h"
#include "data/identity/content.h"
#include "io/checkpoint/safetensors.h"
#include "io/file.h"
#include "io/folder.h"
#include "nn/state_dict.h"
#include "train/run/manifest.h"

namespace fledge {
namespace {

using Names = std::vector<std::string>;

constexpr const auto& kFiles = kCheckpointFiles;

std::string step_name(std::int64_t step) {
  char name[32];
  std::snprintf(name, sizeof name, "step-%08lld", static_cast<long long>(step));
  return name;
}

std::string checksum(const std::vector<std::uint8_t>& bytes) { return to_text(content_of(bytes.data(), bytes.size())); }

bool is_checkpoint_name(const std::string& name) {
  return name.size() >= 13 && name.size() <= 24 && name.rfind("step-", 0) == 0 &&
         name.find_first_not_of("0123456789", 5) == std::string::npos;
}

std::string base_of(const std::string& run) { return run + "/checkpoints"; }

// The checkpoints' names, by step; links are none.
Names checkpoint_names(const std::string& run) {
  Names names;
  for (const auto& name : list_folder(base_of(run)))
    if (is_checkpoint_name(name) && kind_of(base_of(run) + "/" + name) == PathKind::Folder) names.push_back(name);
  std::sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  });
  return names;
}

// Empty when the files named in MANIFEST (only `only`, where given) are as they were written, else what is wrong.
// Error(Resource) where that cannot be found out.
std::string damage(const std::string& folder, const std::string& only = "") {
  const PathKind manifest_kind = kind_of(folder + "/MANIFEST");
  if (manifest_kind == PathKind::Absent) return "MANIFEST is missing";
  if (manifest_kind != PathKind::File) return "MANIFEST is no regular file";
  std::error_code unknown;
  const auto size = std::filesystem::file_size(folder + "/MANIFEST", unknown);
  if (!unknown && size > kMaxManifestBytes) return "MANIFEST is too long";
  const auto bytes = read_file_if_there(folder + "/MANIFEST");
  if (!bytes) return "MANIFEST is missing";
  Manifest manifest;
  if (std::string problem = parse_manifest({bytes->begin(), bytes->end()}, manifest); !problem.empty()) return problem;
  for (std::size_t i = 0; i < manifest.size(); ++i) {
    const std::string name = kFiles[i];
    if (!only.empty() && name != only) continue;
    const PathKind kind = kind_of(folder + "/" + name);
    if (kind == PathKind::Absent) return name + " is missing";
    if (kind != PathKind::File) return name + " is no regular file";
    const auto length =
        std::filesystem::file_size(folder + "/" + name, unknown);  // before it is read: it may be endless
    if (!unknown && length != manifest[i].bytes) return name + " has another size than it was written with";
    const auto content = read_file_if_there(folder + "/" + name);
    if (!content || content->size() != manifest[i].bytes || checksum(*content) != manifest[i].hash)
      return name + " differs from its checksum";
  }
  return "";
}

std::string name_in(const std::string& folder) { return folder.substr(folder.rfind('/') + 1); }

// "" or why a sound checkpoint is not that of its name: a copy under another step's.
std::string misplaced(const std::string& folder) {
  const std::string path = folder + "/" + kFiles[2];
  try {
    return name_in(folder) == step_name(parse_state(read_file(path), path).step) ? "" : "it is another step's";
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::BadInput) throw;
    return "";  // said by name where it is read
  }
}

RunState state_of(const std::string& folder) {
  const std::string path = folder + "/" + kFiles[2];
  const RunState state = parse_state(read_file(path), path);
  if (name_in(folder) != step_name(state.step))
    throw Error(ErrorKind::BadInput, "",
                "'" + path + "' is no run state: it says step " + std::to_string(state.step) + ", its folder another");
  return state;
}

void write_files(const std::string& folder, const Checkpoint& c) {
  save_safetensors(folder + "/" + kFiles[0], c.model, c.model_metadata);
  save_safetensors(folder + "/" + kFiles[1], c.optimizer, {{"format", "fledge-optimizer-1"}});
  write_file_atomic(folder + "/" + kFiles[2], state_text(c.state));
  Manifest manifest;
  for (std::size_t i = 0; i < manifest.size(); ++i) {
    const auto bytes = read_file(folder + "/" + kFiles[i]);
    manifest[i] = {bytes.size(), checksum(bytes)};
  }
  write_file_atomic(folder + "/MANIFEST", manifest_text(manifest));
}

// From now on `target` is what `temporary` was; there is no moment without it. Where the file system cannot exchange
// names, the old one waits as *.old, which recover_checkpoints() knows.
void put_in_place(const std::string& temporary, const std::string& target) {
  if (kind_of(target) == PathKind::Absent) return rename_path(temporary, target);
  if (exchange_paths(temporary, target)) return;
  rename_path(target, target + ".old");
  rename_path(temporary, target);
}

void write_if_other(const std::string& path, const std::string& text) {
  std::error_code unknown;
  const bool short_one = kind_of(path) == PathKind::File && std::filesystem::file_size(path, unknown) == text.size();
  const auto before = short_one ? read_file_if_there(path) : std::nullopt;
  if (!before || std::string(before->begin(), before->end()) != text) write_file_atomic(path, text);
}

}  // namespace

std::string unsound_number(const Checkpoint& c) {
  for (const auto& [name, tensor] : c.model)
    if (const auto bad = first_unsound(tensor, wanted_of(name))) return "tensor '" + name + "' is " + describe(*bad);
  for (const auto& [name, tensor] : c.optimizer) {
    const Sound wanted = name.starts_with("exp_avg_sq.") ? Sound::FiniteNotNegative : wanted_of(name);
    if (const auto bad = first_unsound(tensor, wanted)) return "optimiser state '" + name + "' is " + describe(*bad);
  }
  return "";
}

void save_checkpoint(const std::string& run, const Checkpoint& checkpoint, std::int64_t keep) {
  const std::string base = base_of(run), name = step_name(checkpoint.state.step), target = base + "/" + name;
  const std::string temporary = base + "/.tmp-" + name + "-" + std::to_string(::getpid());
  try {
    make_folder(base);
    remove_tree(temporary);
    make_folder(temporary);
    write_files(temporary, checkpoint);
    put_in_place(temporary, target);
    sync_folder(base);
    remove_tree(temporary);  // what was there before
    remove_tree(target + ".old");
  } catch (const Error& e) {
    try {
      remove_tree(temporary);
    } catch (const Error&) {  // the next start removes it
    }
    throw Error(ErrorKind::Resource, "", "cannot write checkpoint '" + target + "': " + e.problem(),
                "earlier checkpoints are untouched; make room or rights, then go on with --resume auto");
  }
  tidy_checkpoints(run, checkpoint.state, keep);
}

void tidy_checkpoints(const std::string& run, const RunState& newest, std::int64_t keep) {
  const std::string base = base_of(run), best = step_name(newest.best_step);
  write_if_other(base + "/LATEST", step_name(newest.step) + "\n");
  if (newest.best >= 0)
    write_if_other(base + "/BEST", best + "\n");
  else
    remove_tree(base + "/BEST");
  const Names names = checkpoint_names(run);
  for (std::size_t i = 0; i + static_cast<std::size_t>(keep) < names.size(); ++i) {
    if (names[i] == step_name(newest.step) || (newest.best >= 0 && names[i] == best)) continue;
    const std::string gone = base + "/.tmp-gone-" + std::to_string(::getpid());
    try {
      rename_path(base + "/" + names[i], gone);  // as a whole: never half a checkpoint under its name
      remove_tree(gone);
    } catch (const Error& e) {  // no reason to stop: a reader may hold it open; the next save or start tries again
      std::fprintf(stderr, "warning: %s\n", e.problem().c_str());
      return;
    }
  }
}

void recover_checkpoints(const std::string& run) {
  for (const auto& name : list_folder(base_of(run))) {
    const std::string path = base_of(run) + "/" + name;
    const bool old = name.size() > 4 && name.compare(name.size() - 4, 4, ".old") == 0;
    const std::string now = old ? name.substr(0, name.size() - 4) : "";
    if (name.rfind(".tmp-", 0) == 0 || temporary_owner(name))
      remove_tree(path);
    else if (old && is_checkpoint_name(now) && kind_of(base_of(run) + "/" + now) == PathKind::Absent)
      rename_path(path, base_of(run) + "/" + now);
    else if (old && is_checkpoint_name(now))
      remove_tree(path);
  }
}

std::optional<std::string> newest_checkpoint(const std::string& run, bool anew) {
  const Names names = checkpoint_names(run);
  for (auto it = names.rbegin(); it != names.rend(); ++it) {
    const std::string folder = base_of(run) + "/" + *it;
    std::string problem = damage(folder);
    if (problem.empty()) problem = misplaced(folder);
    if (problem.empty()) return folder;
    std::fprintf(stderr, "warning: checkpoint %s is damaged (%s): passed over\n", folder.c_str(), problem.c_str());
  }
  const Names all = list_folder(base_of(run));
  const auto is_step = [](const std::string& n) { return n.rfind("step-", 0) == 0; };
  const bool any = std::any_of(all.begin(), all.end(), is_step);
  if (any && !anew)
    throw Error(ErrorKind::BadInput, "", "no checkpoint of run '" + run + "' is sound",
                "bring one back from a copy, or begin at step 1 with --resume anew");
  return std::nullopt;
}

void set_damaged_aside(const std::string& run, const std::optional<std::string>& newest) {
  const Names names = checkpoint_names(run);
  for (auto it = names.rbegin(); it != names.rend(); ++it) {
    const std::string folder = base_of(run) + "/" + *it;
    if (newest && folder == *newest) return;
    remove_tree(folder + ".corrupt");  // of an earlier damage at the same step
    rename_path(folder, folder + ".corrupt");
  }
}

std::optional<std::string> result_checkpoint(const std::string& run) {
  const Names names = checkpoint_names(run);
  for (auto it = names.rbegin(); it != names.rend(); ++it) {
    const std::string folder = base_of(run) + "/" + *it;
    if (!damage(folder, kFiles[2]).empty() || !misplaced(folder).empty()) continue;
    const RunState state = state_of(folder);
    if (state.best < 0) break;
    const std::string best = base_of(run) + "/" + step_name(state.best_step);
    const std::string problem = kind_of(best) == PathKind::Folder ? damage(best) : "it is missing";
    if (problem.empty()) return best;
    std::fprintf(stderr, "warning: the chosen checkpoint %s is damaged (%s): the newest takes its place\n",
                 best.c_str(), problem.c_str());
    break;
  }
  return newest_checkpoint(run);
}

Checkpoint load_checkpoint(const std::string& folder) {
  Checkpoint c;
  c.state = state_of(folder);
  auto model = load_safetensors(folder + "/" + kFiles[0]);
  c.model = std::move(model.tensors);
  c.model_metadata = std::move(model.metadata);
  c.optimizer = load_safetensors(folder + "/" + kFiles[1]).tensors;
  return c;
}

}  // namespace fledge
