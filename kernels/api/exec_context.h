// ExecContext: what a kernel may use besides its arguments: threads, scratch memory, what its folder keeps.
// One context per calling thread of control; not thread-safe.
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace fledge {

/// Abstract base of what a folder of kernels keeps in a context (handles, plan caches). Only that folder knows the
/// rest.
struct VendorState {
  virtual ~VendorState() = default;
};

/// What a kernel says about itself to whoever asks (FLEDGE_VERBOSE).
struct KernelReport {
  std::string implementation;  // who computed
  std::string refused;         // why others, preferred to it, did not
};

/// How float32 convolutions and matrix products may multiply. What a device has not, it computes strictly.
enum class Precision : unsigned char {
  Strict,  // float32 throughout
  TF32,    // a GPU: operands rounded to 10 bits of mantissa on the way into the tensor cores, sums in float32
  // A CPU's inference convolutions: operands rounded to whole numbers, sums exact (kernels/cpu/conv/README.md).
  Int16,
  Int8,  // where the processor multiplies 8 bits (VNNI); elsewhere as Int16
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

  KernelReport* report = nullptr;  // filled by kernels that choose, where somebody asks

  /// What the folder that `owner` stands for (the address of something of its own) keeps here, made at the first call.
  template <class State>
  State& state(const void* owner) {
    for (const auto& [of, kept] : states_)
      if (of == owner) return static_cast<State&>(*kept);
    states_.emplace_back(owner, std::make_unique<State>());
    return static_cast<State&>(*states_.back().second);
  }

 private:
  int threads_ = 1;
  void* scratch_ = nullptr;
  std::size_t scratch_bytes_ = 0;
  std::vector<std::pair<const void*, std::unique_ptr<VendorState>>> states_;
};

}  // namespace fledge
