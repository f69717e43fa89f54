// Comparing a fast kernel in float32 with the reference kernel in double on the same inputs.
#pragma once
#include <cstdint>
#include <string>

#include "kernels/api/backend.h"
#include "tests/support/host_tensor.h"

namespace fledge::test {

/// Which of the two runs a tensor belongs to.
enum class Side { Fast, Oracle };

/// One argument of a kernel, twice: float32 in the layout under test, and double, contiguous, with the same values.
/// Integer arguments (masks, indices) have their own dtype on both sides.
struct Operand {
  HostTensor fast, oracle;

  const TensorView& operator[](Side s) const { return s == Side::Fast ? fast.view() : oracle.view(); }
  /// For nullable arguments.
  const TensorView* at(Side s) const { return &(*this)[s]; }
};

/// Makes operands from a seeded generator.
class Operands {
 public:
  explicit Operands(HostLayout layout, std::uint64_t seed = 1) : layout_(layout), state_(seed) {}

  /// Uniform in [low, high], rounded to float so that both sides hold the same number.
  Operand input(const Dims& dims, double low = -1, double high = 1);
  /// Whole numbers of [low, high]: full of ties.
  Operand ties(const Dims& dims, int low, int high);
  /// Integers of [low, high] in an integer dtype.
  Operand integers(const Dims& dims, DType dtype, int low, int high);
  /// To be written by the kernel.
  Operand output(const Dims& dims) { return empty(dims, DType::Float32, DType::Float64); }
  Operand output(const Dims& dims, DType integer) { return empty(dims, integer, integer); }
  /// What an oracle run left in `from.oracle`, rounded to float, as an input of the next kernel on both sides.
  Operand from_oracle(const Operand& from);

  double uniform(double low, double high);

 private:
  Operand empty(const Dims& dims, DType fast, DType oracle);

  HostLayout layout_;
  std::uint64_t state_;
};

/// Empty when y.fast equals y.oracle: |fast - oracle| <= tolerance * sqrt(reduction_length) * max(|oracle|, rms of
/// oracle) for every element, integers and non-finite values exactly, and no canary byte was touched. Otherwise one
/// line: `what`, the worst element's index, both values, the error and its bound.
std::string mismatch(const std::string& what, const Operand& y, std::int64_t reduction_length = 1,
                     double tolerance = 4.8e-7 /* 4 ulp of float32 */);
std::string mismatch(const std::string& what, const HostTensor& got, const HostTensor& expected,
                     std::int64_t reduction_length, double tolerance);

/// A table under test, with the layout and thread count to run it with.
struct TableUnderTest {
  std::string name;  // "simd", "onednn", "ref"
  const KernelTable& table;
  HostLayout layout;
  ExecContext& ctx;

  std::string label() const;  // "onednn channels_last 2 threads"
};
/// Calls f for simd and onednn (channels-last, 1 and 2 threads) and for ref in float32 (both layouts). The contexts
/// live as long as the process, so plans cached for one case are there to be confused with the next.
void for_each_table(const std::function<void(const TableUnderTest&)>& f);
/// The reference in double.
const KernelTable& oracle_table();

}  // namespace fledge::test
