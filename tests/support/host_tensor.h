// HostTensor: a TensorView that owns its memory, for tests of kernels (uses kernels only, no Tensor).
// Every buffer has canary bytes before and behind it, and starts as all-ones bytes (NaN, -1), so that
// writes out of bounds and elements never written are both noticed. Given a backend, the view is of that
// device's memory, and values travel by themselves.
#pragma once
#include <functional>
#include <initializer_list>
#include <memory>
#include <vector>

#include "kernels/api/tensor_view.h"

namespace fledge {
struct Backend;
}

namespace fledge::test {

enum class HostLayout { Contiguous, ChannelsLast };  // ChannelsLast concerns rank 4; other ranks are always contiguous

const char* name_of(HostLayout layout);

class HostTensor {
 public:
  /// `backend`: whose memory the view is of; null is the host's.
  explicit HostTensor(const Dims& dims, DType dtype = DType::Float32, HostLayout layout = HostLayout::Contiguous,
                      const Backend* backend = nullptr);
  /// Values in logical row-major order, whatever the layout.
  HostTensor(const Dims& dims, std::initializer_list<double> values, DType dtype = DType::Float64,
             HostLayout layout = HostLayout::Contiguous, const Backend* backend = nullptr);
  HostTensor(HostTensor&&);
  HostTensor& operator=(HostTensor&&);
  ~HostTensor();

  /// For a kernel, which may write through it: on a device ask for the view anew before each launch.
  const TensorView& view() const;
  operator const TensorView&() const { return view(); }

  /// Element by its logical row-major number.
  double get(std::int64_t number) const;
  void set(std::int64_t number, double value);
  /// All values in logical row-major order.
  std::vector<double> values() const;
  void fill_from(const std::function<double(std::int64_t number)>& value);

  /// The same logical values in another dtype or layout, on the same device.
  HostTensor as(DType dtype, HostLayout layout) const;
  /// Gives the view a slot for packed forms, as a whole storage has, and after a write a new version.
  void use_slot();
  void bump_version() { ++view_.version; }

  const Dims& dims() const { return view_.dims; }
  DType dtype() const { return view_.dtype; }
  bool canaries_intact() const;

 private:
  struct DeviceCopy;

  std::int64_t offset_of(std::int64_t number) const;
  const void* host_data() const { return memory_.get() + start_; }
  void fetch() const;

  TensorView view_;
  std::unique_ptr<unsigned char[]> memory_;
  std::size_t bytes_ = 0;
  std::size_t start_ = 0;               // of the data inside memory_
  std::unique_ptr<DeviceCopy> device_;  // null: the view is of memory_
  std::unique_ptr<SlotHolder> holder_;
};

}  // namespace fledge::test
