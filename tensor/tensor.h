// Tensor: a value handle on (part of) a Storage: offset, sizes, strides, dtype. Copying shares the data.
// There is one tensor type; layout is expressed by strides only. Logical order is always N,C,H,W and K,C,R,S.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "tensor/storage.h"

namespace fledge {

enum class Layout : unsigned char { Contiguous, ChannelsLast };

class Tensor {
 public:
  Tensor() = default;  // undefined; defined() is false

  // ---- creation (values: see tensor/creation.h) ----
  /// Uninitialised. ChannelsLast needs rank 4.
  static Tensor empty(const Dims& dims, DType dtype = DType::Float32, Layout layout = Layout::Contiguous,
                      Device device = {});
  /// Same sizes, dtype, device and, where dense, the same strides.
  static Tensor empty_like(const Tensor& t);
  /// On the CPU, contiguous, in memory from and to which `pinned_for` copies beside its other work.
  static Tensor empty_pinned(const Dims& dims, DType dtype, Device pinned_for);

  // ---- properties ----
  bool defined() const { return storage_ != nullptr; }
  const Dims& dims() const { return dims_; }
  const Dims& strides() const { return strides_; }
  std::int64_t dim(int i) const { return dims_[i < 0 ? i + dims_.rank() : i]; }
  int rank() const { return dims_.rank(); }
  std::int64_t numel() const { return dims_.numel(); }
  DType dtype() const { return dtype_; }
  Device device() const { return storage_->device(); }
  std::uint64_t version() const { return storage_->version(); }
  void bump_version() const { storage_->bump_version(); }
  bool is_contiguous() const { return contiguous_; }
  bool is_channels_last() const { return channels_last_; }  // rank 4 and stored N,H,W,C
  bool is_dense() const { return contiguous_ || channels_last_; }
  bool shares_storage_with(const Tensor& other) const { return storage_ == other.storage_; }
  /// Number of owners of the storage (the engine adds in place only when it is 1).
  long use_count() const { return storage_.use_count(); }

  /// What kernels see.
  TensorView view() const;
  /// First element; throws Error(Internal) when T is not the dtype.
  template <class T>
  T* data() const {
    check_dtype(dtype_of<T>);
    return static_cast<T*>(raw());
  }
  void* raw() const {
    return static_cast<char*>(storage_->data()) + offset_ * static_cast<std::int64_t>(size_of(dtype_));
  }

  // ---- views: share storage ----
  /// New sizes, same number of elements; one size may be -1. A view where the strides allow it, else a contiguous copy.
  Tensor reshape(const Dims& dims) const;
  Tensor transpose(int a, int b) const;
  /// Elements [start, start + length) of one axis.
  Tensor slice(int axis, std::int64_t start, std::int64_t length) const;
  /// Axes of size 1 (and missing leading axes) repeated to `dims`, stride 0.
  Tensor expand(const Dims& dims) const;

  // ---- copies ----
  /// Dense in the layout; *this when it already is.
  Tensor contiguous(Layout layout = Layout::Contiguous) const;
  Tensor clone() const;  // same layout where dense
  Tensor to(DType dtype) const;
  /// The values on another device, in the same strides where dense; *this when they are there.
  Tensor to(Device device) const;
  /// Copies values (any strides, any dtype, same dims, any device) into this tensor's memory and bumps the version.
  void copy_from(const Tensor& source) const;
  void fill(double value) const;

  // ---- to the host ----
  /// The one element of a tensor with numel 1, as double.
  double item() const;
  /// All elements in row-major order, converted to T (float, double, int64_t, ...).
  template <class T>
  std::vector<T> to_vector() const;

 private:
  Tensor(std::shared_ptr<Storage> storage, std::int64_t offset, const Dims& dims, const Dims& strides, DType dtype);
  void check_dtype(DType wanted) const;

  std::shared_ptr<Storage> storage_;
  std::int64_t offset_ = 0;
  Dims dims_, strides_;
  DType dtype_ = DType::Float32;
  bool contiguous_ = false, channels_last_ = false;
};

/// Throws Error(Usage), in the name of `op`, where `t` has no value.
void require_defined(const Tensor& t, const char* op);

/// "8x64x56x56 float32 channels-last cpu", for messages.
std::string describe(const Tensor& t);

}  // namespace fledge
