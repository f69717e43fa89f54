#include "tests/support/child.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <stdexcept>

namespace fledge::test {
namespace {

[[noreturn]] void child(int out, const std::function<std::string(int)>& action) {
  for (const int s : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL})
    std::signal(s, SIG_DFL);  // not the test program's handlers
  std::string report;
  try {
    report = action(out);
  } catch (const std::exception& e) {
    report = std::string("threw ") + e.what();
  }
  report = report.substr(0, 4000) + "\n";  // fits a pipe; the newline says that the action came to its end
  _exit(::write(out, report.data(), report.size()) == static_cast<ssize_t>(report.size()) ? 0 : 3);
}

}  // namespace

std::string in_child(const std::function<std::string(int)>& action) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  const pid_t pid = ::fork();
  if (pid < 0) throw std::runtime_error("cannot fork");
  if (pid == 0) child(ends[1], action);
  ::close(ends[1]);
  std::string report;
  char block[4096];
  for (ssize_t n; (n = ::read(ends[0], block, sizeof block)) > 0;) report.append(block, static_cast<std::size_t>(n));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (WIFSIGNALED(status)) return "killed by signal " + std::to_string(WTERMSIG(status));
  if (report.empty()) return "ended without a word";
  if (report.back() == '\n') report.pop_back();
  return report;
}

long status_kib(const std::string& key) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.rfind(key, 0) == 0) return std::atol(line.c_str() + key.size());
  return 0;
}

}  // namespace fledge::test
