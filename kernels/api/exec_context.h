// ExecContext: what a kernel may use besides its arguments: threads, scratch memory, vendor state.
// One context per calling thread of control; not thread-safe.
#pragma once
#include <cstddef>
#include <memory>

namespace fledge {

/// Abstract base of what a vendor folder keeps in a context (handles, plan caches). Only that folder knows the rest.
struct VendorState {
  virtual ~VendorState() = default;
};

/// How float32 convolutions and matrix products may multiply on a device that has both.
enum class Precision : unsigned char {
  Strict,  // float32 throughout
  TF32,    // operands rounded to 10 bits of mantissa on the way into the tensor cores, sums in float32
};

class ExecContext {
 public:
  explicit ExecContext(int threads = 0);  // 0: as many as the machine has
  ~ExecContext();
  ExecContext(const ExecContext&) = delete;
  ExecContext& operator=(const ExecContext&) = delete;

  int threads() const { return threads_; }
  void set_threads(int threads);

  /// Scratch memory, 64-byte aligned, valid until the next call on this context. Grows, never shrinks.
  /// A kernel calls it at most once and divides what it gets.
  void* scratch(std::size_t bytes);
  std::size_t scratch_bytes() const { return scratch_bytes_; }

  Precision precision = Precision::Strict;

  std::unique_ptr<VendorState> onednn;  // filled by kernels/onednn on first use
  std::unique_ptr<VendorState> cudnn;   // filled by kernels/cudnn: handles, plans

 private:
  int threads_ = 1;
  void* scratch_ = nullptr;
  std::size_t scratch_bytes_ = 0;
};

}  // namespace fledge
