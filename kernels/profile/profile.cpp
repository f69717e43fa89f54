#include "kernels/profile/profile.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <type_traits>
#include <unordered_map>

#include "base/environment.h"
#include "base/error.h"
#include "kernels/profile/kernel_call.h"

namespace fledge {
namespace {

std::atomic<bool> wanted{false}, given_out{false};
thread_local bool recording = false;  // the thread's work is being recorded: it has no time of its own

using Clock = std::chrono::steady_clock;
double ms_between(Clock::time_point a, Clock::time_point b) {
  return std::chrono::duration<double, std::milli>(b - a).count();
}

/// fledge_verbose,OP,IMPLEMENTATION,DESCRIPTOR,MS and, where others were preferred, why they did not compute it.
void print_line(const char* op, const char* backend, const KernelReport& report, const std::string& descriptor,
                double ms) {
  const char* implementation = report.implementation.empty() ? backend : report.implementation.c_str();
  std::fprintf(stderr, "fledge_verbose,%s,%s,%s,%.4f%s%s\n", op, implementation, descriptor.c_str(), ms,
               report.refused.empty() ? "" : ",", report.refused.c_str());
}

/// The sums of the process.
class Ledger {
 public:
  static Ledger& instance() {
    static auto* ledger = new Ledger;  // never destroyed: threads may still compute at the end
    return *ledger;
  }

  void add(const char* op, const KernelCall& call, double ms) {
    const std::lock_guard lock(mutex_);
    uses_[place(op, call)].ms += ms;
  }
  /// Timed by two events of `runtime`, which are read later.
  void add(const char* op, const KernelCall& call, const DeviceRuntime& runtime, DeviceEvent begin, DeviceEvent end) {
    const std::lock_guard lock(mutex_);
    pending_.push_back({place(op, call), &runtime, begin, end});
    if (pending_.size() >= kMostPending) read_events();
  }
  DeviceEvent event(const DeviceRuntime& runtime) {
    const std::lock_guard lock(mutex_);
    if (spare_.empty()) return runtime.create_event();
    const DeviceEvent e = spare_.back();
    spare_.pop_back();
    return e;
  }
  std::vector<KernelUse> take() {
    const std::lock_guard lock(mutex_);
    read_events();
    std::vector<KernelUse> uses = std::move(uses_);
    uses_.clear();
    places_.clear();
    std::stable_sort(uses.begin(), uses.end(), [](const auto& a, const auto& b) { return a.ms > b.ms; });
    return uses;
  }

 private:
  static constexpr std::size_t kMostPending = 8192;
  struct Pending {
    std::size_t place;
    const DeviceRuntime* runtime;
    DeviceEvent begin, end;
  };

  std::size_t place(const char* op, const KernelCall& call) {
    const auto [found, made] = places_.try_emplace(std::string(op) + '\t' + call.descriptor, uses_.size());
    if (made) uses_.push_back({.op = op, .descriptor = call.descriptor});
    KernelUse& use = uses_[found->second];
    ++use.calls;
    use.bytes += call.bytes;
    use.flops += call.flops;
    return found->second;
  }
  void read_events() {
    for (const Pending& p : pending_) {
      p.runtime->synchronize_event(p.end);
      uses_[p.place].ms += p.runtime->milliseconds(p.begin, p.end);
      spare_.push_back(p.begin);
      spare_.push_back(p.end);
    }
    pending_.clear();
  }

  std::mutex mutex_;
  std::vector<KernelUse> uses_;
  std::unordered_map<std::string, std::size_t> places_;
  std::vector<Pending> pending_;
  std::vector<DeviceEvent> spare_;  // of the one device there is
};

/// Where a wrapper's calls go: the entries it stands for, one copy per table.
struct Site {
  KernelTable inner;
  const DeviceRuntime* runtime = nullptr;  // null: calls are done when they return
  const char* backend = "";
  bool collect = false, print = false;
};
/// Tables by device and dtype.
enum Slot { kCpuF32, kCpuF64, kCpuBf16, kDeviceF32, kDeviceF64, kDeviceBf16, kTest };
template <Slot S>
Site& site() {
  static Site instance;
  return instance;
}

/// Takes the time of what happens while it lives, and what the kernel says about itself.
class Timed {
 public:
  Timed(const Site& site, ExecContext& ctx, const char* op, KernelCall call)
      : site_(site), ctx_(ctx), op_(op), call_(std::move(call)) {
    if (site_.print) ctx_.report = &report_;
    if (site_.runtime) {
      begin_ = Ledger::instance().event(*site_.runtime);
      end_ = Ledger::instance().event(*site_.runtime);
      site_.runtime->record_event(begin_);
    }
    start_ = Clock::now();
  }
  ~Timed() {
    ctx_.report = nullptr;
    if (site_.runtime) {
      try {
        done_on_device();
      } catch (const std::exception&) {  // a broken device tells the next call as well
      }
      return;
    }
    const double ms = ms_between(start_, Clock::now());
    if (site_.print) print_line(op_, site_.backend, report_, call_.descriptor, ms);
    if (site_.collect) Ledger::instance().add(op_, call_, ms);
  }

 private:
  void done_on_device() const {
    site_.runtime->record_event(end_);
    if (site_.print) {
      site_.runtime->synchronize_event(end_);
      print_line(op_, site_.backend, report_, call_.descriptor, site_.runtime->milliseconds(begin_, end_));
    }
    if (site_.collect) return Ledger::instance().add(op_, call_, *site_.runtime, begin_, end_);
    for (DeviceEvent e : {begin_, end_}) site_.runtime->destroy_event(e);
  }

  const Site& site_;
  ExecContext& ctx_;
  const char* op_;
  KernelCall call_;
  KernelReport report_;
  DeviceEvent begin_ = nullptr, end_ = nullptr;
  Clock::time_point start_;
};

template <class Entry>
constexpr const char* name_of_entry() {
  return std::get<Entry>(kKernelEntries).name;
}

template <Slot S, class Entry, class Pointer>
struct Wrapper;
template <Slot S, class Entry, class Result, class... Arguments>
struct Wrapper<S, Entry, Result (*)(ExecContext&, Arguments...)> {
  static Result call(ExecContext& ctx, Arguments... arguments) {
    const Site& here = site<S>();
    if (recording) return Entry::of(here.inner)(ctx, arguments...);
    const Timed timed(here, ctx, name_of_entry<Entry>(), call_of<Entry>(arguments...));
    return Entry::of(here.inner)(ctx, arguments...);
  }
};

template <Slot S, class Entry>
void wrap_entry(KernelTable& t) {
  auto& entry = Entry::of(t);
  if (entry) entry = &Wrapper<S, Entry, std::remove_reference_t<decltype(entry)>>::call;
}

template <Slot S>
KernelTable wrap(const KernelTable& table, Site how) {
  how.inner = table;
  site<S>() = how;
  KernelTable wrapped = table;
  std::apply([&](const auto&... e) { (wrap_entry<S, std::remove_cvref_t<decltype(e)>>(wrapped), ...); },
             kKernelEntries);
  return wrapped;
}

const DeviceRuntime* real_runtime = nullptr;

/// The same, but wrappers know when the thread's work is only recorded.
const DeviceRuntime* watched_runtime(const DeviceRuntime* runtime) {
  if (!runtime) return nullptr;
  static DeviceRuntime watched;
  watched = *(real_runtime = runtime);
  watched.begin_capture = [] {
    real_runtime->begin_capture();
    recording = true;
  };
  watched.end_capture = [] {
    recording = false;
    return real_runtime->end_capture();
  };
  watched.abort_capture = [] {
    recording = false;
    real_runtime->abort_capture();
  };
  return &watched;
}

Backend make_watched(const Backend& backend, bool collect, bool print) {
  const Site how{.inner = {}, .runtime = backend.runtime, .backend = backend.name, .collect = collect, .print = print};
  Backend b = backend;
  b.runtime = watched_runtime(backend.runtime);
  if (backend.device == Device::Type::CPU) {
    b.f32 = wrap<kCpuF32>(backend.f32, how);
    b.f64 = wrap<kCpuF64>(backend.f64, how);
    b.bf16 = wrap<kCpuBf16>(backend.bf16, how);
  } else {
    b.f32 = wrap<kDeviceF32>(backend.f32, how);
    b.f64 = wrap<kDeviceF64>(backend.f64, how);
    b.bf16 = wrap<kDeviceBf16>(backend.bf16, how);
  }
  return b;
}

}  // namespace

void profile_kernels() {
  if (given_out)
    throw Error(ErrorKind::Internal, "profile_kernels", "kernels have run already", "call it before the first op");
  wanted = true;
}

std::vector<KernelUse> take_kernel_profile() { return Ledger::instance().take(); }

const Backend& watched(const Backend& backend) {
  given_out = true;
  const bool collect = wanted, on_device = backend.runtime != nullptr, print = verbose();
  if (!collect && !print) return backend;
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  static Backend watched_backends[2];
  Backend& b = watched_backends[on_device];
  if (b.allocate == nullptr) b = make_watched(backend, collect, print);
  return b;
}

KernelTable profiled_table(const KernelTable& table) {
  return wrap<kTest>(table, {.inner = {}, .runtime = nullptr, .backend = "test", .collect = true, .print = false});
}

}  // namespace fledge
