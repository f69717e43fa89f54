#include "apps/bench/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "base/interrupt.h"

namespace fledge::bench {
namespace {

constexpr int kLookMs = 200;  // for a wish to stop

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> p;
  for (std::string& t : texts) p.push_back(t.data());
  p.push_back(nullptr);
  return p;
}

std::vector<std::string> merged(const std::vector<std::pair<std::string, std::string>>& environment) {
  std::vector<std::string> all;
  for (char** e = environ; *e; ++e) {
    const std::string entry = *e, name = entry.substr(0, entry.find('='));
    bool replaced = false;
    for (const auto& own : environment) replaced |= own.first == name;
    if (!replaced) all.push_back(entry);
  }
  for (const auto& [name, value] : environment) all.push_back(name + "=" + value);
  return all;
}

/// All that comes, until the other end is closed or this process is asked to stop.
std::string read_to_end(int fd) {
  std::string text;
  char buffer[4096];
  while (!stop_signal()) {
    pollfd ready{fd, POLLIN, 0};
    if (::poll(&ready, 1, kLookMs) == 0) continue;
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n > 0) text.append(buffer, static_cast<std::size_t>(n));
    if (n == 0 || (n < 0 && errno != EINTR)) return text;
  }
  return text;
}

}  // namespace

Finished run_process(const std::vector<std::string>& arguments,
                     const std::vector<std::pair<std::string, std::string>>& environment, bool keep_stderr) {
  std::vector<std::string> words = arguments, variables = merged(environment);
  const std::vector<char*> argv = pointers(words), envp = pointers(variables);
  const auto fail = [&] {
    throw Error(ErrorKind::Resource, "", "cannot start '" + arguments.at(0) + "': " + std::strerror(errno));
  };
  int pipe_ends[2];
  if (::pipe2(pipe_ends, O_CLOEXEC) != 0) fail();
  const pid_t parent = ::getpid(), pid = ::fork();
  if (pid == 0) {  // only calls that are safe between fork and exec
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    ::dup2(pipe_ends[1], STDOUT_FILENO);
    if (!keep_stderr) {
      const int nowhere = ::open("/dev/null", O_WRONLY);
      if (nowhere >= 0) ::dup2(nowhere, STDERR_FILENO);
    }
    ::execvpe(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
  ::close(pipe_ends[1]);
  if (pid < 0) {
    ::close(pipe_ends[0]);
    fail();
  }
  Finished f;
  f.out = read_to_end(pipe_ends[0]);
  ::close(pipe_ends[0]);
  if (stop_signal()) ::kill(pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  stop_if_asked();
  f.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  f.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + f.signal;
  return f;
}

std::string own_program() { return std::filesystem::read_symlink("/proc/self/exe").string(); }

}  // namespace fledge::bench
