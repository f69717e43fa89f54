// The list of backends. A new backend is one folder and one line here.
#include "kernels/api/backend.h"
#include "kernels/api/error.h"
#include "kernels/cpu/backend.h"

namespace fledge {

const Backend& backend_for(Device device) {
  for (const Backend* b : all_backends())
    if (b->device == device.type) return *b;
  throw Error(ErrorKind::Resource, "backend",
              "no GPU backend in this build; device " + to_string(device) + " cannot be used", "use --device cpu");
}

std::vector<const Backend*> all_backends() { return {&cpu::cpu_backend()}; }

}  // namespace fledge
