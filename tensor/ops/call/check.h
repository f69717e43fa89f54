// What every op checks of its arguments. Conditions are inline and cheap; texts are built only when something is wrong.
#pragma once
#include "tensor/tensor.h"

namespace fledge::check {

struct Arg {
  const Tensor& tensor;
  const char* name;  // as the message calls it: "input", "weight"
};

/// Throws Error(Usage).
[[noreturn]] void fail(const char* op, const std::string& problem, const std::string& hint = "");
[[noreturn]] void fail_undefined(const char* op, const char* name);
[[noreturn]] void fail_rank(const char* op, const Arg& arg, int rank);
[[noreturn]] void fail_dtypes(const char* op, const Arg& a, const Arg& b);
[[noreturn]] void fail_dtype(const char* op, const Arg& arg, DType wanted);
[[noreturn]] void fail_devices(const char* op, const Arg& a, const Arg& b);
[[noreturn]] void fail_same_dims(const char* op, const Arg& a, const Arg& b);
[[noreturn]] void fail_dims(const char* op, const Arg& arg, const Dims& wanted, const char* why);
[[noreturn]] void fail_writable(const char* op, const Arg& arg);

inline void defined(const char* op, const Arg& arg) {
  if (!arg.tensor.defined()) [[unlikely]]
    fail_undefined(op, arg.name);
}
/// Defined, with this many axes.
inline void rank(const char* op, const Arg& arg, int rank) {
  defined(op, arg);
  if (arg.tensor.rank() != rank) [[unlikely]]
    fail_rank(op, arg, rank);
}
inline void dtype(const char* op, const Arg& arg, DType wanted) {
  if (arg.tensor.dtype() != wanted) [[unlikely]]
    fail_dtype(op, arg, wanted);
}
inline void same_device(const char* op, const Arg& a, const Arg& b) {
  if (a.tensor.device() != b.tensor.device()) [[unlikely]]
    fail_devices(op, a, b);
}
/// Same dtype on the same device.
inline void same_kind(const char* op, const Arg& a, const Arg& b) {
  if (a.tensor.dtype() != b.tensor.dtype()) [[unlikely]]
    fail_dtypes(op, a, b);
  same_device(op, a, b);
}
inline void same_dims(const char* op, const Arg& a, const Arg& b) {
  if (!(a.tensor.dims() == b.tensor.dims())) [[unlikely]]
    fail_same_dims(op, a, b);
}
/// Defined, same dtype and device as `a`, and of `wanted` sizes; `why` says where those come from.
inline void fits(const char* op, const Arg& a, const Arg& arg, const Dims& wanted, const char* why) {
  defined(op, arg);
  same_kind(op, a, arg);
  if (!(arg.tensor.dims() == wanted)) [[unlikely]]
    fail_dims(op, arg, wanted, why);
}
/// As fits, in the dtype that statistics and parameters of `a` are kept in.
inline void fits_accumulated(const char* op, const Arg& a, const Arg& arg, const Dims& wanted, const char* why) {
  defined(op, arg);
  if (arg.tensor.dtype() != accumulated(a.tensor.dtype())) [[unlikely]]
    fail_dtype(op, arg, accumulated(a.tensor.dtype()));
  same_device(op, a, arg);
  if (!(arg.tensor.dims() == wanted)) [[unlikely]]
    fail_dims(op, arg, wanted, why);
}
/// No element is repeated by a stride of 0.
inline void writable(const char* op, const Arg& arg) {
  if (arg.tensor.is_dense()) return;
  for (int i = 0; i < arg.tensor.rank(); ++i)
    if (arg.tensor.strides()[i] == 0 && arg.tensor.dims()[i] > 1) [[unlikely]]
      fail_writable(op, arg);
}

}  // namespace fledge::check
