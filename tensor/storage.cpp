#include "tensor/storage.h"

#include <algorithm>

#include "tensor/ops/dispatch.h"

namespace fledge {

// One byte at least: an empty tensor then has a pointer like any other, and vendors' null checks stay quiet.
static std::size_t allocated(std::size_t bytes) { return std::max<std::size_t>(bytes, 1); }

Storage::Storage(std::size_t bytes, Device device) : backend_(&backend_of(device)), bytes_(bytes), device_(device) {
  data_ = backend_->allocate(allocated(bytes));
}

Storage::~Storage() { backend_->deallocate(data_, allocated(bytes_)); }

}  // namespace fledge
