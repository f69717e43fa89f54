#include "tensor/stream.h"

#include "base/error.h"
#include "tensor/ops/call/check.h"
#include "tensor/ops/call/dispatch.h"
#include "tensor/strides.h"

namespace fledge {

Stream::Stream(Device device) : runtime_(backend_of(device).runtime) {
  if (runtime_) handle_ = runtime_->create_stream();
}
Stream::~Stream() {
  if (runtime_) runtime_->destroy_stream(handle_);
}

StreamGuard::StreamGuard(const Stream& stream) : runtime_(stream.runtime_) {
  if (!runtime_) return;
  before_ = runtime_->current_stream();
  runtime_->use_stream(stream.handle_);
}
StreamGuard::~StreamGuard() {
  if (runtime_) runtime_->use_stream(before_);
}

Event::Event(Device device) : runtime_(backend_of(device).runtime) {
  if (runtime_) handle_ = runtime_->create_event();
}
Event::~Event() {
  if (runtime_) runtime_->destroy_event(handle_);
}
void Event::record() {
  if (runtime_) runtime_->record_event(handle_);
}
void Event::wait() const {
  if (runtime_) runtime_->wait_event(handle_);
}
void Event::synchronize() const {
  if (runtime_) runtime_->synchronize_event(handle_);
}
double Event::since(const Event& begin) const { return runtime_ ? runtime_->milliseconds(begin.handle_, handle_) : 0; }

RecordedWork::RecordedWork(Device device, const std::function<void()>& work) : runtime_(backend_of(device).runtime) {
  if (!runtime_) throw Error(ErrorKind::Usage, "record", "work on " + to_string(device) + " cannot be recorded");
  runtime_->begin_capture();
  try {
    work();
    handle_ = runtime_->end_capture();
  } catch (...) {
    runtime_->abort_capture();
    throw;
  }
}
RecordedWork::~RecordedWork() { runtime_->destroy_graph(handle_); }
void RecordedWork::replay() const { runtime_->launch_graph(handle_); }

void copy_async(const Tensor& to, const Tensor& from) {
  constexpr const char* op = "copy_async";
  check::defined(op, {to, "target"});
  check::defined(op, {from, "source"});
  check::same_dims(op, {to, "target"}, {from, "source"});
  const bool alike =
      to.is_dense() && to.dtype() == from.dtype() && same_strides(to.dims(), to.strides(), from.strides());
  if (!alike)
    check::fail(op, "target and source must lie alike in memory: " + describe(to) + ", " + describe(from),
                "use copy_from");
  const Backend& backend = backend_of(to.device().type == Device::Type::CPU ? from.device() : to.device());
  const std::size_t bytes = static_cast<std::size_t>(to.numel()) * size_of(to.dtype());
  (backend.runtime ? backend.runtime->copy_async : backend.copy_bytes)(to.raw(), from.raw(), bytes);
  to.bump_version();
}

void synchronize(Device device) { backend_of(device).synchronize(); }

}  // namespace fledge
