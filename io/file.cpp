#include "io/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "io/descriptor.h"
#include "io/folder.h"
#include "io/open_error.h"

namespace fledge {
namespace {

std::string reason(int error) {
  switch (error) {
    case ENOSPC:
      return "no space left on device";
    case EDQUOT:
      return "disk quota exceeded";
    case ENOENT:
      return "no such file or directory";
    case EACCES:
      return "permission denied";
    case EROFS:
      return "read-only file system";
    case EISDIR:
      return "it is a folder";
    default:
      return std::strerror(error);
  }
}

[[noreturn]] void write_failed(const std::string& path, int error) {
  const char* hint = error == ENOSPC || error == EDQUOT
                         ? "free some space or choose another folder; what was there before is untouched"
                     : error == ENOENT ? "create the folder first"
                                       : "choose a folder you may write to";
  throw Error(ErrorKind::Resource, "", reason(error) + ": cannot write '" + path + "'", hint);
}

[[noreturn]] void read_failed(const char* what, const std::string& path, int error) {
  throw Error(names_nothing(error) ? ErrorKind::BadInput : ErrorKind::Resource, "",
              std::string("cannot ") + what + " '" + path + "': " + reason(error));
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

/// A file of holes declares far more than it holds, and costs its maker nothing. The count of blocks alone proves
/// nothing (some file systems know it late, or never): the holes are looked for, but only where it is small.
static bool is_hollow(int fd, std::int64_t size) {
  constexpr std::int64_t kBlock = 512, kShare = 64;
  struct stat status {};
  if (::fstat(fd, &status) != 0 || status.st_blocks * kBlock >= size / kShare) return false;
  std::int64_t held = 0;
  for (std::int64_t at = 0; at < size && held < size / kShare;) {
    const std::int64_t data = ::lseek(fd, at, SEEK_DATA);
    if (data < 0) {
      if (errno != ENXIO) held = size;  // it cannot be told; ENXIO: nothing but a hole from here on
      break;
    }
    const std::int64_t hole = ::lseek(fd, data, SEEK_HOLE);
    at = hole > data ? hole : size;
    held += at - data;
  }
  return held < size / kShare;
}

static std::uint64_t size_of_open_file(int fd, const std::string& path) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) read_failed("read", path, errno);
  if (S_ISDIR(status.st_mode))
    throw Error(ErrorKind::BadInput, "", "cannot read '" + path + "': it is a folder, not a file");
  if (!S_ISREG(status.st_mode))
    throw Error(ErrorKind::BadInput, "", "cannot read '" + path + "': it is not a regular file");
  return static_cast<std::uint64_t>(status.st_size);
}

static std::vector<std::uint8_t> read_open_file(int fd, const std::string& path,
                                                std::uint64_t at_most = ~std::uint64_t{0}) {
  const std::uint64_t size = size_of_open_file(fd, path);
  if (size > at_most)
    throw Error(ErrorKind::BadInput, "",
                "cannot read '" + path + "': it has " + std::to_string(size) + " bytes, more than the " +
                    std::to_string(at_most) + " that such a file may have");
  constexpr std::uint64_t kLarge = std::uint64_t{64} << 20;
  if (size > kLarge && is_hollow(fd, static_cast<std::int64_t>(size)))
    throw Error(ErrorKind::BadInput, "",
                "cannot read '" + path + "': of its " + std::to_string(size) + " bytes nearly all are holes",
                "it was cut or never written whole: bring it back from a copy, or remove it");
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
  const ssize_t read = read_all(fd, bytes.data(), bytes.size(), 0);
  if (read < 0) read_failed("read", path, errno);
  bytes.resize(static_cast<std::size_t>(read));  // fewer where it shrank meanwhile
  return bytes;
}

namespace {

/// A pipe is refused, not waited for. Below 0, with errno: it could not be opened.
int open_for_reading(const std::string& path) { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); }

}  // namespace

std::optional<std::vector<std::uint8_t>> read_file_if_there(const std::string& path) {
  const Descriptor file{open_for_reading(path)};
  if (file.fd < 0 && (errno == ENOENT || errno == ENOTDIR)) return std::nullopt;
  if (file.fd < 0) read_failed("open", path, errno);
  return read_open_file(file.fd, path);
}

std::vector<std::uint8_t> read_file(const std::string& path, std::uint64_t at_most) {
  const Descriptor file{open_for_reading(path)};
  if (file.fd < 0) read_failed("open", path, errno);
  return read_open_file(file.fd, path, at_most);
}

InputFile::InputFile(const std::string& path) : path_(path), file_(open_for_reading(path)) {
  if (file_.fd < 0) read_failed("open", path, errno);
  size_ = size_of_open_file(file_.fd, path);
}

void InputFile::read(void* to, std::size_t bytes, std::uint64_t at) const {
  const ssize_t n = read_all(file_.fd, to, bytes, static_cast<off_t>(at));
  if (n < 0) read_failed("read", path_, errno);
  if (static_cast<std::size_t>(n) < bytes)
    throw Error(ErrorKind::BadInput, "",
                "cannot read '" + path_ + "': it ends at byte " + std::to_string(at + static_cast<std::uint64_t>(n)));
}

AtomicFile::AtomicFile(std::string path, std::uint64_t size) : path_(std::move(path)) {
  struct stat there {};
  if (::stat(path_.c_str(), &there) == 0 && !S_ISREG(there.st_mode) &&
      !S_ISDIR(there.st_mode))  // a rename would replace it
    throw Error(ErrorKind::Resource, "", "cannot write '" + path_ + "': it is a device or a pipe, not a file",
                "name a file: it is written whole beside its place first, then put there");
  static std::atomic<unsigned> counter{0};
  do {  // one that is there is a killed process's of the same number
    temporary_ = path_ + ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(counter++);
    fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (fd_ < 0 && errno == EEXIST);
  if (fd_ >= 0) alive_ = ::fcntl(fd_, F_DUPFD_CLOEXEC, 3);
  if (alive_ >= 0) ::flock(alive_, LOCK_EX | LOCK_NB);  // until it is closed: remove_dead_temporaries() lets it be
  if (fd_ < 0) write_failed(path_, errno);
  if (size > 0 && ::fallocate(fd_, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(size)) != 0 &&
      (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)) {  // file systems that cannot reserve say so otherwise
    const int error = errno;
    ::close(fd_);
    if (alive_ >= 0) ::close(alive_);
    ::unlink(temporary_.c_str());
    write_failed(path_, error);
  }
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  if (alive_ >= 0) ::close(alive_);
}

void AtomicFile::append(const void* data, std::size_t size) {
  constexpr std::size_t kGathered = std::size_t{64} << 10;
  const auto* bytes = static_cast<const std::uint8_t*>(data);
  if (gathered_.size() + size > kGathered) {
    write_out(gathered_.data(), gathered_.size());
    gathered_.clear();
  }
  if (size > kGathered)
    write_out(bytes, size);
  else
    gathered_.insert(gathered_.end(), bytes, bytes + size);
}

void AtomicFile::write_out(const std::uint8_t* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t n = ::write(fd_, bytes, size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) write_failed(path_, errno);
    bytes += n;
    size -= static_cast<std::size_t>(n);
    written_ += static_cast<std::uint64_t>(n);
  }
  constexpr std::uint64_t kStretch = std::uint64_t{8} << 20;
  if (written_ - started_ < kStretch) return;
  // Only a start: what fails now is reported by fsync.
  ::sync_file_range(fd_, static_cast<off_t>(started_), static_cast<off_t>(written_ - started_), SYNC_FILE_RANGE_WRITE);
  started_ = written_;
}

void AtomicFile::finish() {
  if (fd_ < 0) return;
  write_out(gathered_.data(), gathered_.size());
  gathered_.clear();
  if (::fsync(fd_) != 0) write_failed(path_, errno);
  const int fd = fd_;
  fd_ = -1;
  if (::close(fd) != 0) write_failed(path_, errno);  // network file systems report a full disk here
}

void AtomicFile::commit() {
  finish();
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) write_failed(path_, errno);
  temporary_.clear();
  sync_folder(folder_of(path_));  // the new name is on disk only once its folder is
}

namespace {

/// A finished file and the one whose place it takes change names, and back.
class Exchange {
 public:
  Exchange(std::string temporary, std::string path) : temporary_(std::move(temporary)), path_(std::move(path)) {}

  void go() {
    const PathKind kind = kind_of(path_);
    if (kind == PathKind::Folder) write_failed(path_, EISDIR);
    if (kind == PathKind::Absent) {
      rename_path(temporary_, path_);
      done_ = Done::New;
    } else if (exchange_paths(temporary_, path_)) {
      done_ = Done::Exchanged;
    } else {  // in two steps, where the file system knows no exchange
      aside_ = temporary_ + ".old";
      rename_path(path_, aside_);
      done_ = Done::Aside;
      rename_path(temporary_, path_);
    }
  }
  /// Best effort: there is an error under way already. False: the old file stays under the temporary name.
  bool back() noexcept {
    if (done_ == Done::New) return ::rename(path_.c_str(), temporary_.c_str()) == 0;
    if (done_ == Done::Exchanged)
      return ::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, path_.c_str(), RENAME_EXCHANGE) == 0;
    if (done_ == Done::Aside) {
      ::rename(path_.c_str(), temporary_.c_str());  // not there where the second step failed
      ::rename(aside_.c_str(), path_.c_str());
    }
    return true;
  }
  void remove_old() noexcept {
    if (done_ == Done::Exchanged) ::unlink(temporary_.c_str());
    if (done_ == Done::Aside) ::unlink(aside_.c_str());
  }

 private:
  enum class Done { Nothing, New, Exchanged, Aside };
  std::string temporary_, path_, aside_;
  Done done_ = Done::Nothing;
};

}  // namespace

void commit_together(const std::vector<AtomicFile*>& files) {
  std::vector<Exchange> exchanges;
  for (AtomicFile* file : files) {
    file->finish();
    exchanges.emplace_back(file->temporary_, file->path_);
  }
  try {
    for (Exchange& exchange : exchanges) exchange.go();
    for (const AtomicFile* file : files) sync_folder(folder_of(file->path_));
  } catch (...) {
    for (std::size_t i = files.size(); i-- > 0;)
      if (!exchanges[i].back()) files[i]->temporary_.clear();
    throw;
  }
  for (Exchange& exchange : exchanges) exchange.remove_old();
  for (AtomicFile* file : files) file->temporary_.clear();
}

void write_file_atomic(const std::string& path, const void* data, std::size_t size) {
  AtomicFile file(path);
  file.append(data, size);
  file.commit();
}

}  // namespace fledge
