#include "tensor/ops/call/dispatch.h"

namespace fledge {

void fail_missing_kernel(const char* op, const Backend& backend, DType dtype, HasKernel has) {
  std::string available = dtype != DType::BFloat16 && has(cpu_table("ref", dtype)) ? "ref" : "";
  for (const Backend* other : all_backends()) {
    const bool listed_as_ref = other->device == Device::Type::CPU;
    if (other != &backend && !listed_as_ref && has(other->table(dtype))) {
      available += std::string(available.empty() ? "" : ", ") + other->name;
    }
  }
  throw Error(ErrorKind::Usage, op, std::string("not implemented by '") + backend.name + "' for " + name_of(dtype),
              "available: " + (available.empty() ? "nowhere; convert with to(float32)" : available));
}

void fail_not_computed(const char* op, const Backend& backend, DType dtype) {
  throw Error(ErrorKind::Usage, op, std::string("not implemented by '") + backend.name + "' for " + name_of(dtype),
              "available: float32, float64; convert with to(dtype)");
}

}  // namespace fledge
