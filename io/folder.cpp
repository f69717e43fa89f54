#include "io/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace fledge {
namespace {

[[noreturn]] void failed(const char* what, const std::string& path, int error) {
  throw Error(ErrorKind::Resource, "", std::string("cannot ") + what + " '" + path + "': " + std::strerror(error),
              error == ENOSPC || error == EDQUOT ? "free some space, then try again"
                                                 : "nothing was changed by this; try again when it can be reached");
}

[[noreturn]] void not_synced(const std::string& path, int error) {
  throw Error(ErrorKind::Resource, "", "cannot sync '" + path + "': " + std::strerror(error),
              "what was written is in its place, but a power cut may undo it: look at the disk, then write it again");
}

bool no_such(int error) { return error == ENOENT || error == ENOTDIR; }

// Where the digits of ".tmp-PID-N" begin; npos when the name does not end so.
std::size_t temporary_mark(const std::string& name) {
  const std::size_t at = name.rfind(".tmp-");
  if (at == std::string::npos || at == 0) return std::string::npos;
  const std::string rest = name.substr(at + 5);
  const std::size_t dash = rest.find('-');
  const auto digits = [](const std::string& s) {
    return !s.empty() && s.size() < 19 && s.find_first_not_of("0123456789") == std::string::npos;
  };
  const bool whole = dash != std::string::npos && digits(rest.substr(0, dash)) && digits(rest.substr(dash + 1));
  return whole ? at : std::string::npos;
}

}  // namespace

PathKind kind_of(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (no_such(errno)) return PathKind::Absent;
    failed("look at", path, errno);
  }
  if (S_ISREG(status.st_mode)) return PathKind::File;
  if (S_ISDIR(status.st_mode)) return PathKind::Folder;
  return S_ISLNK(status.st_mode) ? PathKind::Link : PathKind::Other;
}

std::vector<std::string> list_folder(const std::string& path) {
  std::vector<std::string> names;
  DIR* folder = ::opendir(path.c_str());
  if (!folder) {
    if (no_such(errno)) return names;
    failed("list", path, errno);
  }
  int error = 0;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(folder);
    error = errno;
    if (!entry) break;
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  ::closedir(folder);
  if (error != 0) failed("list", path, error);
  std::sort(names.begin(), names.end());
  return names;
}

void make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0777) == 0) return;
  const int error = errno;
  if (error == EEXIST && kind_of(path) == PathKind::Folder) return;
  failed("make the folder", path, error);
}

void remove_tree(const std::string& path) {
  const PathKind kind = kind_of(path);
  if (kind == PathKind::Absent) return;
  if (kind == PathKind::Folder) {
    for (const auto& name : list_folder(path)) remove_tree(path + "/" + name);
    if (::rmdir(path.c_str()) != 0 && !no_such(errno)) failed("remove", path, errno);
  } else if (::unlink(path.c_str()) != 0 && !no_such(errno)) {
    failed("remove", path, errno);
  }
}

void rename_path(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) failed("rename", from, errno);
}

bool exchange_paths(const std::string& a, const std::string& b) {
  if (::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) == 0) return true;
  if (errno == EINVAL || errno == ENOSYS || errno == ENOTSUP) return false;
  failed("rename", a, errno);
}

void sync_folder(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) not_synced(path, errno);
  const int error = ::fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP ? errno : 0;
  ::close(fd);
  if (error != 0) not_synced(path, error);
}

std::optional<std::int64_t> temporary_owner(const std::string& name) {
  const std::size_t at = temporary_mark(name);
  if (at == std::string::npos) return std::nullopt;
  return std::stoll(name.substr(at + 5));
}

std::string temporary_target(const std::string& name) { return name.substr(0, temporary_mark(name)); }

void remove_dead_temporaries(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  try {
    for (const std::string& entry : list_folder(folder)) {
      const std::string temporary = folder + "/" + entry;
      if (!temporary_owner(entry) || temporary_target(entry) != name || kind_of(temporary) != PathKind::File) continue;
      const int fd = ::open(temporary.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
      if (fd >= 0 && ::flock(fd, LOCK_EX | LOCK_NB) == 0) ::unlink(temporary.c_str());
      if (fd >= 0) ::close(fd);
    }
  } catch (const Error&) {  // what is in the way of writing is said there
  }
}

}  // namespace fledge
