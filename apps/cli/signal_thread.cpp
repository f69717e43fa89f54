#include "apps/cli/signal_thread.h"

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace fledge {
namespace {

constexpr int kAll[] = {SIGINT, SIGTERM, SIGHUP};
constexpr std::size_t kStack = 256 << 10;

struct Taken {
  sigset_t signals;
  void (*take)(int) = nullptr;  // null: none are
  bool by_thread = false;
  pthread_t thread = {};
};
Taken g_taken;
std::atomic<bool> g_stopping{false};

/// Until the process tells the thread to end, by a signal of its own.
void* wait_for_signals(void*) {
  for (;;) {
    siginfo_t info;
    const int signal = ::sigwaitinfo(&g_taken.signals, &info);
    if (signal < 0 && errno == EINTR) continue;
    if (signal < 0 || (g_stopping && info.si_pid == ::getpid())) return nullptr;
    g_taken.take(signal);
  }
}

bool start_thread() {
  pthread_attr_t attributes;
  if (::pthread_attr_init(&attributes) != 0) return false;
  ::pthread_attr_setstacksize(&attributes, kStack);
  const bool started = ::pthread_create(&g_taken.thread, &attributes, wait_for_signals, nullptr) == 0;
  ::pthread_attr_destroy(&attributes);
  return started;
}

/// No thread to be had: handlers on a stack of their own, in the calling thread. The kernel sends the process's signals
/// to its first thread as long as that takes them.
void install_handlers() {
  alignas(16) static char stack[64 << 10];
  stack_t own = {};
  own.ss_sp = stack, own.ss_size = sizeof stack;
  ::sigaltstack(&own, nullptr);
  for (const int signal : kAll) {
    if (!::sigismember(&g_taken.signals, signal)) continue;
    struct sigaction action = {};
    action.sa_handler = g_taken.take;
    action.sa_flags = SA_RESTART | SA_ONSTACK;  // no read or write of ours ends early because of it
    ::sigaction(signal, &action, nullptr);
  }
}

bool same_signals(const sigset_t& a, const sigset_t& b) {
  for (const int signal : kAll)
    if (::sigismember(&a, signal) != ::sigismember(&b, signal)) return false;
  return true;
}

/// What comes meanwhile waits: the signals stay blocked.
void stop_thread() {
  g_stopping = true;
  for (const int signal : kAll)
    if (::sigismember(&g_taken.signals, signal)) {
      ::pthread_kill(g_taken.thread, signal);
      ::pthread_join(g_taken.thread, nullptr);
      break;
    }
  g_stopping = false;
}

}  // namespace

void take_signals(const sigset_t& signals, void (*take)(int signal)) {
  if (g_taken.take == take && same_signals(g_taken.signals, signals)) return;
  const sigset_t before = g_taken.signals;
  if (g_taken.by_thread) stop_thread(), ::pthread_sigmask(SIG_UNBLOCK, &before, nullptr);
  g_taken.signals = signals, g_taken.take = take;
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  g_taken.by_thread = start_thread();
  if (g_taken.by_thread) return;
  install_handlers();
  ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

void leave_signals() {
  if (!g_taken.take) return;
  if (g_taken.by_thread) stop_thread();
  for (const int signal : kAll)
    if (::sigismember(&g_taken.signals, signal)) ::signal(signal, SIG_DFL);
  ::pthread_sigmask(SIG_UNBLOCK, &g_taken.signals, nullptr);
  g_taken = {};
}

}  // namespace fledge
