// The execution context of the calling thread: how many threads its kernels use, its scratch memory, its plans.
#pragma once
#include "kernels/api/exec_context.h"

namespace fledge {

ExecContext& context();
/// Another context for the calling thread, as long as it lives.
class ContextScope {
 public:
  explicit ContextScope(ExecContext& lent);
  ~ContextScope();
  ContextScope(const ContextScope&) = delete;
  ContextScope& operator=(const ContextScope&) = delete;

 private:
  ExecContext* before_;
};

/// Threads for kernels called from this thread and, by default, from threads started later. 0: all of the machine's.
void set_num_threads(int threads);
int num_threads();
/// How float32 products are multiplied, for this thread and, by default, for threads started later.
void set_precision(Precision precision);

/// Another precision, for this thread, as long as it lives.
class PrecisionScope {
 public:
  explicit PrecisionScope(Precision precision) : before_(context().precision) { context().precision = precision; }
  ~PrecisionScope() { context().precision = before_; }
  PrecisionScope(const PrecisionScope&) = delete;
  PrecisionScope& operator=(const PrecisionScope&) = delete;

 private:
  Precision before_;
};

}  // namespace fledge
