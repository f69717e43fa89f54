#include "tensor/context.h"

#include <atomic>
#include <string>
#include <utility>

#include "base/error.h"

namespace fledge {

static std::atomic<int> default_threads{0};  // what a thread's context starts with; 0: all of the machine's

static std::atomic<Precision> default_precision{Precision::Strict};

namespace {
struct ThreadContext : ExecContext {
  ThreadContext() : ExecContext(default_threads.load(std::memory_order_relaxed)) {
    precision = default_precision.load(std::memory_order_relaxed);
  }
};
}  // namespace

static thread_local ExecContext* lent_context = nullptr;

ExecContext& context() {
  if (lent_context) return *lent_context;
  thread_local ThreadContext instance;
  return instance;
}

ContextScope::ContextScope(ExecContext& lent) : before_(std::exchange(lent_context, &lent)) {}
ContextScope::~ContextScope() { lent_context = before_; }

void set_precision(Precision precision) {
  default_precision = precision;
  context().precision = precision;
}

void set_num_threads(int threads) {
  if (threads < 0) {
    throw Error(ErrorKind::Usage, "set_num_threads",
                "the number of threads must not be negative: " + std::to_string(threads),
                "0 means all of the machine's");
  }
  default_threads = threads;
  context().set_threads(threads > 0 ? threads : ExecContext(0).threads());
}

int num_threads() { return context().threads(); }

}  // namespace fledge
