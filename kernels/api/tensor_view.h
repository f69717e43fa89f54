// TensorView: the only tensor a kernel sees. Plain data, no ownership.
#pragma once
#include "kernels/api/device.h"
#include "kernels/api/dims.h"
#include "kernels/api/dtype.h"

namespace fledge {

/// Hidden per-storage state of a backend (packed weights). Owned by the storage, dies with it.
struct BackendSlot {
  virtual ~BackendSlot() = default;
};

/// Where a backend may hang its BackendSlot; null for storage that is not a whole tensor.
struct SlotHolder {
  BackendSlot* slot = nullptr;
  ~SlotHolder() { delete slot; }
};

struct TensorView {
  void* data = nullptr;  // first element (offset already applied)
  Dims dims;             // logical sizes: N,C,H,W for activations, K,C,R,S for weights
  Dims strides;          // in elements; 0 for a broadcast axis (inputs only)
  DType dtype = DType::Float32;
  Device device;
  std::uint64_t version = 0;     // rises with every in-place write to the storage
  SlotHolder* holder = nullptr;  // null unless this view is the whole storage

  template <class T>
  T* as() const {
    return static_cast<T*>(data);
  }
  std::int64_t numel() const { return dims.numel(); }
};

/// True when `strides` addresses `dims` row-major without gaps (axes of size 1 are ignored).
inline bool is_contiguous(const TensorView& t) {
  std::int64_t expected = 1;
  for (int i = t.dims.rank() - 1; i >= 0; --i) {
    if (t.dims[i] == 1) continue;
    if (t.strides[i] != expected) return false;
    expected *= t.dims[i];
  }
  return true;
}

/// True for rank 4 when stored N,H,W,C without gaps (axes of size 1 are ignored).
inline bool is_channels_last(const TensorView& t) {
  if (t.dims.rank() != 4) return false;
  std::int64_t expected = 1;
  for (int i : {1, 3, 2, 0}) {
    if (t.dims[i] == 1) continue;
    if (t.strides[i] != expected) return false;
    expected *= t.dims[i];
  }
  return true;
}

}  // namespace fledge
