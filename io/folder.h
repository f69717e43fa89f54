// Folders, with "not there" and "cannot be read" kept apart. All errors are Error(Resource) naming the path, but where
// another kind is said.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fledge {

enum class PathKind { Absent, File, Folder, Link, Other };

/// What stands at `path`; links are not followed.
PathKind kind_of(const std::string& path);
/// Names in the folder, sorted; none where there is no such folder.
std::vector<std::string> list_folder(const std::string& path);
void make_folder(const std::string& path);
/// Removes a file, or a folder with all that is in it; a link goes, what it names stays. Nothing there is no error.
void remove_tree(const std::string& path);
void rename_path(const std::string& from, const std::string& to);
/// The two names change places in one step. False where the file system cannot do that; then nothing has changed.
bool exchange_paths(const std::string& a, const std::string& b);
/// The folder's names are on disk afterwards. File systems that cannot sync a folder at all are no error.
void sync_folder(const std::string& path);

/// The process that a temporary of AtomicFile ("NAME.tmp-PID-N") belongs to; nullopt for any other name.
std::optional<std::int64_t> temporary_owner(const std::string& name);
/// The name that such a temporary was to have.
std::string temporary_target(const std::string& name);

/// Removes such temporaries of `path`, files only, that no AtomicFile holds any more: it locks its own, so the number
/// in the name decides nothing (in containers every process may be number 1). Best effort.
void remove_dead_temporaries(const std::string& path);

}  // namespace fledge
