// HostTensor: a TensorView that owns its memory, for tests of kernels (uses kernels only, no Tensor). Every buffer has
// canary bytes before and behind it, and starts as all-ones bytes (NaN, -1), so that writes out of bounds and elements
// never written are both noticed.
#pragma once
#include <functional>
#include <initializer_list>
#include <memory>
#include <vector>

#include "kernels/api/tensor_view.h"

namespace fledge::test {

enum class HostLayout { Contiguous, ChannelsLast };  // ChannelsLast concerns rank 4; other ranks are always contiguous

const char* name_of(HostLayout layout);

class HostTensor {
 public:
  explicit HostTensor(const Dims& dims, DType dtype = DType::Float32, HostLayout layout = HostLayout::Contiguous);
  /// Values in logical row-major order, whatever the layout.
  HostTensor(const Dims& dims, std::initializer_list<double> values, DType dtype = DType::Float64,
             HostLayout layout = HostLayout::Contiguous);

  const TensorView& view() const { return view_; }
  operator const TensorView&() const { return view_; }

  /// Element by its logical row-major number.
  double get(std::int64_t number) const;
  void set(std::int64_t number, double value);
  /// All values in logical row-major order.
  std::vector<double> values() const;
  void fill_from(const std::function<double(std::int64_t number)>& value);

  /// The same logical values in another dtype or layout.
  HostTensor as(DType dtype, HostLayout layout) const;
  /// Gives the view a slot for packed forms, as a whole storage has, and after a write a new version.
  void use_slot();
  void bump_version() { ++view_.version; }

  bool canaries_intact() const;

 private:
  std::int64_t offset_of(std::int64_t number) const;

  TensorView view_;
  std::unique_ptr<unsigned char[]> memory_;
  std::size_t bytes_ = 0;
  std::size_t start_ = 0;  // of the data inside memory_
  std::unique_ptr<SlotHolder> holder_;
};

}  // namespace fledge::test
