#include "tensor/storage.h"

#include <algorithm>

#include "tensor/ops/call/dispatch.h"

namespace fledge {

// One byte at least: an empty tensor then has a pointer like any other, and vendors' null checks stay quiet.
static std::size_t allocated(std::size_t bytes) { return std::max<std::size_t>(bytes, 1); }

Storage::Storage(std::size_t bytes, Device device) : backend_(&backend_of(device)), bytes_(bytes), device_(device) {
  data_ = backend_->allocate(allocated(bytes));
}

std::shared_ptr<Storage> Storage::pinned(std::size_t bytes, Device pinned_for) {
  const DeviceRuntime* runtime = backend_of(pinned_for).runtime;
  if (!runtime) return std::make_shared<Storage>(bytes, Device{});
  const std::shared_ptr<Storage> storage(new Storage);
  storage->backend_ = &backend_of(Device{});
  storage->data_ = runtime->allocate_pinned(allocated(bytes));
  storage->pinned_by_ = runtime;
  storage->bytes_ = bytes;
  return storage;
}

Storage::~Storage() {
  if (pinned_by_)
    pinned_by_->deallocate_pinned(data_, allocated(bytes_));
  else if (data_)
    backend_->deallocate(data_, allocated(bytes_));
}

}  // namespace fledge
