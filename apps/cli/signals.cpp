#include "apps/cli/signals.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iostream>
#include <new>

#include "apps/cli/shown_streams.h"
#include "apps/cli/signal_thread.h"
#include "base/error.h"

namespace fledge {
namespace {

constexpr int kReaderGone = 128 + SIGPIPE;
bool g_finished = false;  // main() is done, exit() is meant

void on_signal(int signal) {
  int none = 0;
  if (!detail::stop_wish.compare_exchange_strong(none, signal)) ::_exit(128 + signal);
}

void open_standard_descriptors() {
  for (int fd = 0; fd < 3; ++fd)
    if (::fcntl(fd, F_GETFD) < 0 && errno == EBADF && ::open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) != fd)
      ::_exit(static_cast<int>(ErrorKind::Resource));  // no descriptor to be had, and none to say so on
}

/// No memory is taken here.
[[noreturn]] void die(const char* problem, ErrorKind kind) {
  const auto say = [](const char* text) {
    if (::write(STDERR_FILENO, text, std::strlen(text)) < 0) return;  // nobody left to tell
  };
  say("error: ");
  say(problem);
  say("\n");
  ::_exit(static_cast<int>(kind));
}

/// A library called exit(): the OpenMP runtime does when it cannot start a thread. It has printed its reason.
void on_exit_of_others() {
  if (!g_finished)
    die("a library ended the process (its reason is above): out of threads or memory\n  hint: use fewer --threads, or "
        "raise the limits on processes and memory (ulimit -u, ulimit -v)",
        ErrorKind::Resource);
}

void on_terminate() {
  if (const std::exception_ptr failure = std::current_exception()) {
    try {
      std::rethrow_exception(failure);
    } catch (const std::bad_alloc&) {
      die("out of memory\n  hint: use a smaller --batch-size", ErrorKind::Resource);
    } catch (const Error& e) {
      die(e.what(), e.kind());
    } catch (const std::exception& e) {
      die(e.what(), ErrorKind::Internal);
    } catch (...) {
    }
  }
  die("the program gave up", ErrorKind::Internal);
}

}  // namespace

void watch_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM}) ::sigaddset(&signals, signal);
  struct sigaction hangup = {};
  if (::sigaction(SIGHUP, nullptr, &hangup) == 0 && hangup.sa_handler != SIG_IGN) ::sigaddset(&signals, SIGHUP);
  take_signals(signals, on_signal);
  for (const int signal : {SIGPIPE, SIGXFSZ}) ::signal(signal, SIG_IGN);
}

void let_signals_end() { leave_signals(); }

void prepare_process() {
  open_standard_descriptors();
  show_plain_text_only();
  watch_signals();
  std::set_terminate(on_terminate);
  std::atexit(on_exit_of_others);
}

// What was printed has arrived: a full disk behind stdout is an error, not a shorter answer.
int finish_process(int code) {
  errno = 0;
  std::cout.flush();
  const bool failed = std::fflush(stdout) != 0 || std::ferror(stdout) != 0 || !std::cout;
  const int reason = errno;
  g_finished = true;
  if (!failed) return code;
  pollfd out{STDOUT_FILENO, POLLOUT, 0};  // an earlier write may have failed: errno is gone, a reader's absence is not
  if (reason == EPIPE || (::poll(&out, 1, 0) == 1 && out.revents & POLLERR)) return code == 0 ? kReaderGone : code;
  std::fprintf(stderr, "error: cannot write to standard output%s%s\n", reason ? ": " : "",
               reason ? std::strerror(reason) : "");
  return code == 0 ? static_cast<int>(ErrorKind::Resource) : code;
}

}  // namespace fledge
