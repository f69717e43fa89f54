// The smallest CPU backend: the caching allocator of fledge, and the reference's copies and normalized pictures. What
// reading weights and pictures needs, and a build without oneDNN and the fast kernels.
#include "kernels/api/backend.h"

#include <cstring>

#include "kernels/cpu/allocator.h"
#include "kernels/ref/table.h"

namespace fledge {

const Backend& backend_for(Device) {
  static const Backend backend = [] {
    Backend b;
    b.name = "cpu";
    b.allocate = &cpu::allocate;
    b.deallocate = &cpu::deallocate;
    b.copy_bytes = [](void* to, const void* from, std::size_t bytes) {
      if (bytes > 0) std::memmove(to, from, bytes);
    };
    b.synchronize = [] {};
    b.f32.eltwise = ref::eltwise_kernels<float>();
    b.f64.eltwise = ref::eltwise_kernels<double>();
    b.f32.image = ref::image_kernels<float>();
    return b;
  }();
  return backend;
}

const char* gpu_name() { return "gpu"; }
std::vector<const Backend*> all_backends() { return {&backend_for(Device{})}; }

}  // namespace fledge
