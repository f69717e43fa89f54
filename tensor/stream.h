// Order of work on a device, with owners: streams that run beside each other, events to wait for, recorded work. On the
// CPU, where every op is done when it returns, all of this does nothing; recording is for devices that can.
#pragma once
#include <functional>

#include "tensor/tensor.h"

namespace fledge {

/// A line of work of its own on a device. Work is sent to it while a StreamGuard of it lives.
class Stream {
 public:
  explicit Stream(Device device);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

 private:
  friend class StreamGuard;
  const DeviceRuntime* runtime_;
  DeviceStream handle_ = nullptr;
};

/// The calling thread's work goes to `stream` until the guard goes.
class StreamGuard {
 public:
  explicit StreamGuard(const Stream& stream);
  ~StreamGuard();
  StreamGuard(const StreamGuard&) = delete;
  StreamGuard& operator=(const StreamGuard&) = delete;

 private:
  const DeviceRuntime* runtime_;
  DeviceStream before_ = nullptr;
};

/// A point in the order of a stream.
class Event {
 public:
  explicit Event(Device device);
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void record();             // here, in the current stream
  void wait() const;         // what the current stream gets from here on runs after it
  void synchronize() const;  // the host waits
  /// Milliseconds from `begin` to this; 0 on the CPU. Waits for both.
  double since(const Event& begin) const;

 private:
  const DeviceRuntime* runtime_;
  DeviceEvent handle_ = nullptr;
};

/// Work recorded once and run many times with the same memory.
class RecordedWork {
 public:
  /// Runs `work` in recording: nothing is computed, tensors it makes have their place but no values
  /// until replay(). What it allocates stays with this object. Throws what `work` throws (nothing is
  /// recorded then), and Error(Internal) when work waits for the device or reads from it. Errors
  /// (Usage): a device that cannot record (the CPU).
  RecordedWork(Device device, const std::function<void()>& work);
  ~RecordedWork();
  RecordedWork(const RecordedWork&) = delete;
  RecordedWork& operator=(const RecordedWork&) = delete;

  /// In the current stream. Versions of tensors it writes are not raised: the caller knows which those are.
  void replay() const;

 private:
  const DeviceRuntime* runtime_;
  DeviceGraph handle_ = nullptr;
};

/// Enqueues a copy in the current stream of the device that one of the two is on, and does not wait for it: a host side
/// must be page-locked (Tensor::empty_pinned) and left alone until the stream has come by. Same dims, dtype and
/// strides, both dense. Raises the version of `to`.
void copy_async(const Tensor& to, const Tensor& from);

/// The host waits for all work of the current stream.
void synchronize(Device device);

}  // namespace fledge
