// Comparing a fast kernel in float32 with the reference kernel in double on the same inputs.
#pragma once
#include <cstdint>
#include <string>

#include "kernels/api/backend.h"
#include "tests/support/host_tensor.h"

namespace fledge::test {

/// Which of the two runs a tensor belongs to.
enum class Side { Fast, Oracle };

/// A table under test, with the layout, thread count and memory to run it with.
struct TableUnderTest {
  std::string name;  // "simd", "onednn", "ref", "cuda (emulated)"
  const KernelTable& table;
  HostLayout layout;
  ExecContext& ctx;
  const Backend* backend = nullptr;  // whose memory it works on; null: the host's

  std::string label() const;  // "onednn channels_last 2 threads"
  /// A tensor for this table.
  HostTensor tensor(const Dims& dims, DType dtype = DType::Float32, HostLayout in = HostLayout::Contiguous) const {
    return HostTensor(dims, dtype, in, backend);
  }
};

/// One argument of a kernel, twice: float32 in the layout under test, and double, contiguous, with the same values.
/// Integer arguments (masks, indices) have their own dtype on both sides.
struct Operand {
  HostTensor fast, oracle;

  /// On a device a view is good for one launch: HostTensor::view().
  const TensorView& operator[](Side s) const { return s == Side::Fast ? fast.view() : oracle.view(); }
  /// For nullable arguments.
  const TensorView* at(Side s) const { return &(*this)[s]; }
};

/// An operand seen through broadcast strides: its axes of size 1 repeated to `dims`.
TensorView expanded(const Operand& o, Side s, const Dims& dims);

/// Makes operands from a seeded generator.
class Operands {
 public:
  explicit Operands(HostLayout layout, std::uint64_t seed = 1) : layout_(layout), state_(seed) {}
  /// The fast side in the table's layout, where it computes.
  explicit Operands(const TableUnderTest& t, std::uint64_t seed = 1)
      : layout_(t.layout), state_(seed), backend_(t.backend) {}

  /// Uniform in [low, high], rounded to the fast side's dtype so that both sides hold the same number.
  Operand input(const Dims& dims, double low = -1, double high = 1, DType fast = DType::Float32);
  /// Whole numbers of [low, high]: full of ties.
  Operand ties(const Dims& dims, int low, int high, DType fast = DType::Float32);
  /// Integers of [low, high] in an integer dtype.
  Operand integers(const Dims& dims, DType dtype, int low, int high);
  /// To be written by the kernel.
  Operand output(const Dims& dims, DType fast = DType::Float32) {
    return {HostTensor(dims, fast, layout_, backend_), HostTensor(dims, is_floating(fast) ? DType::Float64 : fast)};
  }
  /// What an oracle run left in `from.oracle`, rounded to float, as an input of the next kernel on both sides.
  Operand from_oracle(const Operand& from);
  Operand from_oracle(const Operand& from, DType fast);

  double uniform(double low, double high);

 private:
  HostLayout layout_;
  std::uint64_t state_;
  const Backend* backend_ = nullptr;
};

/// Empty when y.fast equals y.oracle: |fast - oracle| <= tolerance * sqrt(reduction_length) * max(|oracle|, rms of
/// oracle) for every element, integers and non-finite values exactly, and no canary byte was touched. Otherwise one
/// line: `what`, the worst element's index, both values, the error and its bound.
std::string mismatch(const std::string& what, const Operand& y, std::int64_t reduction_length = 1,
                     double tolerance = 4.8e-7 /* 4 ulp of float32 */);
std::string mismatch(const std::string& what, const HostTensor& got, const HostTensor& expected,
                     std::int64_t reduction_length, double tolerance);

/// Calls f for simd and onednn (channels-last, 1 and 2 threads), for ref in float32 (both layouts), and for the GPU's
/// table where there is one; FLEDGE_TEST_TABLES=WORD leaves those out whose name lacks it. The contexts live as long as
/// the process, so plans cached for one case are there to be confused with the next.
void for_each_table(const std::function<void(const TableUnderTest&)>& f);
/// Calls f for the mixed-precision tables in the same way: the CPU's, and the GPU's where there is one.
void for_each_bf16_table(const std::function<void(const TableUnderTest&)>& f);
/// Of results rounded to bfloat16 once, with a reduction length of 1.
inline constexpr double kBFloat16Tolerance = 0x1p-8;
inline constexpr DType kNarrow = DType::BFloat16;
inline std::string narrow_mismatch(const std::string& what, const Operand& y) {
  return mismatch(what, y, 1, kBFloat16Tolerance);
}
/// The GPU's backend, real or emulated. Without one it is null, and why is said once on stderr.
const Backend* gpu_under_test();
std::string gpu_name(const Backend& gpu);  // "cuda (emulated)"
/// The reference in double.
const KernelTable& oracle_table();

/// Calls f(table, side) for the table under test and for the oracle.
template <class F>
void run_both(const TableUnderTest& t, F&& f) {
  f(t.table, Side::Fast);
  f(oracle_table(), Side::Oracle);
}

/// Every shape that `x` can be reduced to: each set of its axes with size 1.
std::vector<Dims> reduced_dims(const Dims& x);

}  // namespace fledge::test
