#include "tests/io/hostile_watch.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <vector>

#include "tests/support/child.h"

#ifndef __x86_64__
#error "the numbers of the system calls below are those of x86-64"
#endif

namespace fledge::test {

namespace {

int report_fd = -1;

/// The filter raises SIGSYS in the place of a forbidden call; this says which one it was, and ends the child.
void on_forbidden(int, siginfo_t* info, void*) {
  char text[40];
  const int n = std::snprintf(text, sizeof text, "forbidden system call %d", info->si_syscall);
  if (::write(report_fd, text, static_cast<std::size_t>(n)) < 0) _exit(3);
  _exit(2);
}

constexpr std::uint32_t kNumber = offsetof(seccomp_data, nr), kArch = offsetof(seccomp_data, arch);
constexpr std::uint32_t argument(int i) {  // its lower half
  return static_cast<std::uint32_t>(offsetof(seccomp_data, args) + 8 * static_cast<std::size_t>(i));
}

std::vector<sock_filter> filter(std::uint32_t pipe) {
  const sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  const sock_filter forbid = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
  std::vector<sock_filter> f = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kArch), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS), BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kNumber)};
  for (const int call : {
           SYS_read,         SYS_pread64,
           SYS_readv,        SYS_preadv,
           SYS_lseek,        SYS_close,
           SYS_fstat,        SYS_newfstatat,
           SYS_statx,        SYS_fadvise64,
           SYS_munmap,       SYS_mremap,
           SYS_madvise,      SYS_brk,
           SYS_futex,        SYS_clock_gettime,
           SYS_getrandom,    SYS_rt_sigprocmask,
           SYS_rt_sigaction, SYS_rt_sigreturn,
           SYS_sigaltstack,  SYS_getpid,
           SYS_gettid,       SYS_tgkill,
           SYS_sched_yield,  SYS_sched_getaffinity,
           SYS_getrusage,    SYS_alarm,
           SYS_exit,         SYS_exit_group,
       }) {
    f.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 1));
    f.push_back(allow);
  }
  /// Allowed when none of `bits` is set in the argument.
  const auto without = [&](int call, int which, std::uint32_t bits) {
    f.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 4));
    f.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument(which)));
    f.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1));
    f.push_back(forbid);
    f.push_back(allow);
  };
  const auto writing =
      static_cast<std::uint32_t>(O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND | (O_TMPFILE & ~O_DIRECTORY));
  without(SYS_open, 1, writing);
  without(SYS_openat, 2, writing);
  without(SYS_mmap, 2, PROT_EXEC);
  without(SYS_mprotect, 2, PROT_EXEC);
  // Only the report, and what a sanitizer has to say.
  f.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 0, 4));
  f.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument(0)));
  f.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, pipe, 1, 0));
  f.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 1));
  f.push_back(allow);
  f.push_back(forbid);
  return f;
}

std::size_t address_space() {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

bool limit(std::size_t memory) {
  rlimit time{4, 5}, core{0, 0};
  if (setrlimit(RLIMIT_CPU, &time) != 0 || setrlimit(RLIMIT_CORE, &core) != 0) return false;
  if (memory == 0) return true;
  const std::size_t all = address_space() + memory;
  rlimit space{all, all};
  return setrlimit(RLIMIT_AS, &space) == 0;
}

bool forbid_all_but_reading() {
  struct sigaction action {};
  action.sa_sigaction = on_forbidden;
  action.sa_flags = SA_SIGINFO;
  if (sigaction(SIGSYS, &action, nullptr) != 0) return false;
  std::vector<sock_filter> rules = filter(static_cast<std::uint32_t>(report_fd));
  sock_fprog program{static_cast<unsigned short>(rules.size()), rules.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

}  // namespace

std::string watched(std::size_t memory, const std::function<std::string()>& action) {
  const std::string report = in_child([&](int out) {
    report_fd = out;
    if (!limit(memory) || !forbid_all_but_reading()) return "no watch: " + std::string(std::strerror(errno));
    return action();
  });
  // A blocked SIGSYS ends the process without its handler (posix_spawn blocks all signals).
  return report == "killed by signal " + std::to_string(SIGSYS) ? "forbidden system call" : report;
}

}  // namespace fledge::test
