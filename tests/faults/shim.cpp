// Preloaded into the real binary (LD_PRELOAD) by the tests of this folder: counts the calls that change files below one
// folder, and at the chosen one kills the process, tears the write, or lets the call fail. No tracer is needed, so it
// runs in any sandbox at the binary's own speed.
//
//   FLEDGE_FAULT_FOLDER   only calls on files below this folder count
//   FLEDGE_FAULT          ACTION:CALL:K: at the K-th (from 1) CALL; ACTION is kill, torn (half of a write, then kill)
//                         or the name of an error (EIO, ENOSPC, EMFILE, EACCES). Empty: only count
//   FLEDGE_FAULT_REPORT   the counts so far are appended here, a line of "CALL COUNT ...", at each mkdir below the
//                         folder (a save begins with one) and at the end
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <cstring>

namespace {

// rename covers renameat and renameat2, unlink unlinkat and remove, and so on: the kinds of promise 1.
enum Call { Open, Write, Fsync, Close, Rename, Unlink, Mkdir, Rmdir, Truncate, Fallocate, List, Stat, kCalls };
constexpr const char* kNames[kCalls] = {"open",  "write", "fsync",    "close",     "rename", "unlink",
                                        "mkdir", "rmdir", "truncate", "fallocate", "list",   "stat"};
std::atomic<int> counts[kCalls];

struct Plan {
  const char* folder = getenv("FLEDGE_FAULT_FOLDER");
  bool kill = false, torn = false;
  int error = 0, call = -1, at = 0;

  Plan() {
    const char* text = getenv("FLEDGE_FAULT");
    char action[16] = "", name[16] = "";
    if (!text || sscanf(text, "%15[^:]:%15[^:]:%d", action, name, &at) != 3) return;
    for (int c = 0; c < kCalls; ++c)
      if (strcmp(name, kNames[c]) == 0) call = c;
    kill = strcmp(action, "kill") == 0;
    torn = strcmp(action, "torn") == 0;
    constexpr struct {
      const char* name;
      int value;
    } errors[] = {{"EIO", EIO}, {"ENOSPC", ENOSPC}, {"EMFILE", EMFILE}, {"EACCES", EACCES}};
    for (const auto& e : errors)
      if (strcmp(action, e.name) == 0) error = e.value;
    if (call < 0 || (!kill && !torn && !error)) abort();  // a test that injects nothing must not pass
  }
};

const Plan& plan() {
  static const Plan p;
  return p;
}

/// Programs open folders and files by whole paths; what is relative to a descriptor is looked up.
bool below(int at, const char* path) {
  const char* folder = plan().folder;
  if (!folder || !path) return false;
  char whole[8192];
  if (path[0] != '/') {
    char link[64];
    if (at == AT_FDCWD)
      snprintf(link, sizeof link, "/proc/self/cwd");
    else
      snprintf(link, sizeof link, "/proc/self/fd/%d", at);
    ssize_t n = readlink(link, whole, 4000);
    if (n < 0) return false;
    snprintf(whole + n, sizeof whole - static_cast<size_t>(n), "/%s", path);
    path = whole;
  }
  const size_t length = strlen(folder);
  return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == 0);
}

bool below(int fd) { return below(fd, ""); }

[[noreturn]] void die() {
  syscall(SYS_kill, getpid(), SIGKILL);
  for (;;) pause();
}

void append_counts() {
  const char* path = getenv("FLEDGE_FAULT_REPORT");
  if (!path || !*path) return;
  char line[512];
  size_t n = 0;
  for (int c = 0; c < kCalls; ++c)
    n += static_cast<size_t>(snprintf(line + n, sizeof line - n, "%s %d ", kNames[c], counts[c].load()));
  line[n - 1] = '\n';
  const int fd = static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND, 0644));
  if (fd < 0 || syscall(SYS_write, fd, line, n) != static_cast<long>(n)) abort();
  syscall(SYS_close, fd);
}

/// Counts the call. 0: go on; otherwise the error to fail with. `tear` does half of it before the process dies.
template <class Tear>
int fault(Call call, bool ours, Tear tear) {
  if (!ours) return 0;
  const int k = ++counts[call];
  if (call == Mkdir) append_counts();
  const Plan& p = plan();
  if (p.call != call || k != p.at) return 0;
  if (p.torn) tear();
  if (p.torn || p.kill) die();
  return p.error;
}
int fault(Call call, bool ours) {
  return fault(call, ours, [] {});
}

template <class F>
F real(const char* name) {
  return reinterpret_cast<F>(dlsym(RTLD_NEXT, name));
}

struct AtEnd {
  ~AtEnd() { append_counts(); }
} at_end;

}  // namespace

// FAULTY(result, name, (parameters), (arguments), CALL, is it ours): the call under the same name, or the fault.
#define FAULTY(NAME, PARAMETERS, ARGUMENTS, CALL, OURS)                \
  extern "C" int NAME PARAMETERS {                                     \
    static const auto next = real<int(*) PARAMETERS>(#NAME);           \
    if (const int error = fault(CALL, OURS)) return errno = error, -1; \
    return next ARGUMENTS;                                             \
  }

FAULTY(fsync, (int fd), (fd), Fsync, below(fd))
FAULTY(fdatasync, (int fd), (fd), Fsync, below(fd))
FAULTY(rename, (const char* a, const char* b), (a, b), Rename, below(AT_FDCWD, b))
FAULTY(renameat, (int d, const char* a, int e, const char* b), (d, a, e, b), Rename, below(e, b))
FAULTY(renameat2, (int d, const char* a, int e, const char* b, unsigned f), (d, a, e, b, f), Rename, below(e, b))
FAULTY(unlink, (const char* p), (p), Unlink, below(AT_FDCWD, p))
FAULTY(unlinkat, (int d, const char* p, int f), (d, p, f), f& AT_REMOVEDIR ? Rmdir : Unlink, below(d, p))
FAULTY(remove, (const char* p), (p), Unlink, below(AT_FDCWD, p))
FAULTY(mkdir, (const char* p, mode_t m), (p, m), Mkdir, below(AT_FDCWD, p))
FAULTY(mkdirat, (int d, const char* p, mode_t m), (d, p, m), Mkdir, below(d, p))
FAULTY(rmdir, (const char* p), (p), Rmdir, below(AT_FDCWD, p))
FAULTY(ftruncate, (int fd, off_t n), (fd, n), Truncate, below(fd))
FAULTY(ftruncate64, (int fd, off64_t n), (fd, n), Truncate, below(fd))
FAULTY(fallocate, (int fd, int m, off_t o, off_t n), (fd, m, o, n), Fallocate, below(fd))
FAULTY(fallocate64, (int fd, int m, off64_t o, off64_t n), (fd, m, o, n), Fallocate, below(fd))

extern "C" int close(int fd) {
  static const auto next = real<int (*)(int)>("close");
  const int error = fault(Close, below(fd));
  const int result = next(fd);  // a close that fails has closed, as on Linux
  return error ? (errno = error, -1) : result;
}

extern "C" ssize_t write(int fd, const void* data, size_t size) {
  static const auto next = real<ssize_t (*)(int, const void*, size_t)>("write");
  if (const int error = fault(Write, below(fd), [&] { next(fd, data, size / 2); })) return errno = error, -1;
  return next(fd, data, size);
}

extern "C" ssize_t writev(int fd, const iovec* parts, int n) {
  static const auto next = real<ssize_t (*)(int, const iovec*, int)>("writev");
  if (const int error = fault(Write, below(fd), [&] { next(fd, parts, n / 2); })) return errno = error, -1;
  return next(fd, parts, n);
}

extern "C" ssize_t pwrite(int fd, const void* data, size_t size, off_t at) {
  static const auto next = real<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
  if (const int error = fault(Write, below(fd), [&] { next(fd, data, size / 2, at); })) return errno = error, -1;
  return next(fd, data, size, at);
}

#define FAULTY_OPEN(NAME)                                                               \
  extern "C" int NAME(const char* path, int flags, ...) {                               \
    static const auto next = real<int (*)(const char*, int, ...)>(#NAME);               \
    va_list more;                                                                       \
    va_start(more, flags);                                                              \
    const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;       \
    va_end(more);                                                                       \
    if (const int error = fault(Open, below(AT_FDCWD, path))) return errno = error, -1; \
    return next(path, flags, mode);                                                     \
  }
FAULTY_OPEN(open)
FAULTY_OPEN(open64)

#define FAULTY_OPENAT(NAME)                                                       \
  extern "C" int NAME(int at, const char* path, int flags, ...) {                 \
    static const auto next = real<int (*)(int, const char*, int, ...)>(#NAME);    \
    va_list more;                                                                 \
    va_start(more, flags);                                                        \
    const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; \
    va_end(more);                                                                 \
    if (const int error = fault(Open, below(at, path))) return errno = error, -1; \
    return next(at, path, flags, mode);                                           \
  }
FAULTY_OPENAT(openat)
FAULTY_OPENAT(openat64)

struct stat;
FAULTY(stat, (const char* p, struct stat* s), (p, s), Stat, below(AT_FDCWD, p))
FAULTY(lstat, (const char* p, struct stat* s), (p, s), Stat, below(AT_FDCWD, p))
FAULTY(fstat, (int fd, struct stat* s), (fd, s), Stat, below(fd))

struct dirent;
struct dirent64;
struct __dirstream;
extern "C" int dirfd(__dirstream*) noexcept;

extern "C" __dirstream* opendir(const char* path) {
  static const auto next = real<__dirstream* (*)(const char*)>("opendir");
  if (const int error = fault(List, below(AT_FDCWD, path))) return errno = error, nullptr;
  return next(path);
}

#define FAULTY_READDIR(NAME, ENTRY)                                                         \
  extern "C" ENTRY* NAME(__dirstream* folder) {                                             \
    static const auto next = real<ENTRY* (*)(__dirstream*)>(#NAME);                         \
    if (const int error = fault(List, below(dirfd(folder)))) return errno = error, nullptr; \
    return next(folder);                                                                    \
  }
FAULTY_READDIR(readdir, dirent)
FAULTY_READDIR(readdir64, dirent64)
