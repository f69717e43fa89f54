#include "data/loader.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <set>

#include "base/error.h"
#include "data/views/normalize.h"
#include "data/worker_threads.h"

namespace fledge {
struct Loader::State {
  /// A batch being made. Each sample is a task of its own, so that all workers help with the batch that is needed next.
  struct Slot {
    Tensor images, teacher_images, labels, pixels, teacher_pixels;
    std::vector<SampleRef> samples;
    std::vector<std::string> bad;            // per sample: what was wrong with its own picture, "" if nothing
    std::vector<std::int64_t> wanted;        // per sample: its own picture, where another one stands in
    std::vector<std::exception_ptr> errors;  // per sample
    std::int64_t left = 0;                   // samples not done yet
  };

  State(std::shared_ptr<Dataset> d, std::vector<BatchRefs> b, MakeViews m, const LoaderOptions& o)
      : dataset(std::move(d)), batches(std::move(b)), make_views(std::move(m)), options(o) {}

  const std::shared_ptr<Dataset> dataset;
  const std::vector<BatchRefs> batches;
  const MakeViews make_views;
  const LoaderOptions options;
  std::vector<std::vector<std::int64_t>> by_class;  // for Skip
  std::vector<std::int64_t> unlabeled;              // for Skip
  std::int64_t total = 0;                           // samples of all batches

  std::mutex mutex;
  std::condition_variable work, done;
  std::vector<Slot> slots;                      // ring: batch b lives in slot b % slots.size()
  std::size_t opened = 0;                       // batches below this have a slot
  std::size_t task_batch = 0, task_sample = 0;  // the next task
  std::size_t cursor = 0;                       // the next batch to hand out
  bool stop = false;
  std::exception_ptr failure;      // once set, every next() throws it
  std::set<std::string> bad_seen;  // by name
  WorkerThreads threads;

  std::vector<Tensor> buffers;  // for pixels: each in a slot, with the consumer, or free

  void ask_to_stop();
  void open_slots();
  Tensor pixel_buffer(std::int64_t n);
  void write_picture(const Slot& slot, std::size_t i, const Views& views) const;
  void leave_empty(const Slot& slot, std::size_t i) const;
  void run();
  void make_sample(Slot& slot, std::size_t i);
  Views make_or_replace(SampleRef& ref, std::string& bad);
  Views checked(const SampleRef& ref) const;
  void check_size(const Image& image, const SampleRef& ref) const;
  std::vector<BadPicture> collect(Slot& slot);
};

/// Gives the next batches their tensors; called by the consumer only, so that memory is
/// always taken and given back by one thread.
void Loader::State::open_slots() {
  while (opened < batches.size() && opened < cursor + slots.size()) {
    Slot& slot = slots[opened % slots.size()];
    const std::int64_t n = static_cast<std::int64_t>(batches[opened].size());
    const Dims dims{n, 3, options.size, options.size};
    if (options.pixels) {
      slot.pixels = pixel_buffer(n);
      if (options.teacher_view) slot.teacher_pixels = pixel_buffer(n);
    } else {
      slot.images = Tensor::empty(dims, DType::Float32, Layout::ChannelsLast);
      if (options.teacher_view) slot.teacher_images = Tensor::empty(dims, DType::Float32, Layout::ChannelsLast);
    }
    slot.labels = Tensor::empty({n}, DType::Int64);
    slot.samples = batches[opened];
    slot.wanted.assign(static_cast<std::size_t>(n), 0);
    slot.bad.assign(static_cast<std::size_t>(n), "");
    slot.errors.assign(static_cast<std::size_t>(n), nullptr);
    slot.left = n;
    ++opened;
  }
}

/// Page-locked memory is dear to make, so it is kept: a free buffer of that size, or a new one.
Tensor Loader::State::pixel_buffer(std::int64_t n) {
  const Dims dims{n, options.size, options.size, 3};
  for (const Tensor& b : buffers)
    if (b.use_count() == 1 && b.dims() == dims) return b;
  buffers.push_back(Tensor::empty_pinned(dims, DType::UInt8, options.device));
  return buffers.back();
}

/// Picture i of the slot, as its views say.
void Loader::State::write_picture(const Slot& slot, std::size_t i, const Views& views) const {
  const std::size_t values = static_cast<std::size_t>(options.size) * options.size * 3;
  const Image& teacher = views.teacher.empty() ? views.student : views.teacher;
  if (options.pixels) {
    std::copy(views.student.rgb.begin(), views.student.rgb.end(), slot.pixels.data<std::uint8_t>() + i * values);
    if (options.teacher_view)
      std::copy(teacher.rgb.begin(), teacher.rgb.end(), slot.teacher_pixels.data<std::uint8_t>() + i * values);
    return;
  }
  float* student = slot.images.data<float>() + i * values;
  normalize_to(views.student, options.normalization, student);
  if (!options.teacher_view) return;
  float* to = slot.teacher_images.data<float>() + i * values;
  if (views.teacher.empty()) {
    std::copy(student, student + values, to);
  } else {
    normalize_to(teacher, options.normalization, to);
  }
}

/// Zeros in the place of a picture that is left out.
void Loader::State::leave_empty(const Slot& slot, std::size_t i) const {
  const std::size_t values = static_cast<std::size_t>(options.size) * options.size * 3;
  for (const Tensor* t : {&slot.pixels, &slot.teacher_pixels})
    if (t->defined()) std::fill_n(t->data<std::uint8_t>() + i * values, values, std::uint8_t{0});
  for (const Tensor* t : {&slot.images, &slot.teacher_images})
    if (t->defined()) std::fill_n(t->data<float>() + i * values, values, 0.0f);
}

void Loader::State::check_size(const Image& image, const SampleRef& ref) const {
  if (image.width == options.size && image.height == options.size) return;
  throw Error(ErrorKind::Internal, "loader",
              "picture '" + dataset->name(ref.index) + "' came out as " + std::to_string(image.width) + "x" +
                  std::to_string(image.height) + " instead of " + std::to_string(options.size) + "x" +
                  std::to_string(options.size));
}

Views Loader::State::checked(const SampleRef& ref) const {
  Views views = make_views(ref);
  check_size(views.student, ref);
  if (options.teacher_view && !views.teacher.empty()) check_size(views.teacher, ref);
  return views;
}

/// The views of `ref`, or (Skip) of the next readable image of its class, which `ref` then names. LeaveOut: empty ones.
Views Loader::State::make_or_replace(SampleRef& ref, std::string& bad) {
  const SampleRef wanted = ref;
  try {
    return checked(ref);
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::BadInput) throw;
    if (options.on_bad_image == OnBadImage::Fail) {
      if (!e.hint().empty()) throw;
      throw Error(e.kind(), e.op(), e.problem(),
                  "'fledge data verify' finds all that cannot be read, --on-bad-image skip does without them");
    }
    bad = e.what();
  }
  if (options.on_bad_image == OnBadImage::LeaveOut) return {};
  const std::int64_t label = dataset->label(wanted.index);
  const std::vector<std::int64_t>& mates = label < 0 ? unlabeled : by_class[label];
  const std::size_t at = static_cast<std::size_t>(std::find(mates.begin(), mates.end(), wanted.index) - mates.begin());
  for (std::size_t step = 1; step < mates.size(); ++step) {
    ref.index = mates[(at + step) % mates.size()];
    try {
      return checked(ref);
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::BadInput) throw;  // unreadable as well: it is counted when its own turn comes
    }
  }
  throw Error(ErrorKind::BadInput, "", bad,
              label < 0 ? "and no other image without a label can be read in its place"
                        : "and no other image of its class can be read in its place");
}

void Loader::State::make_sample(Slot& slot, std::size_t i) {
  try {
    slot.wanted[i] = slot.samples[i].index;
    const Views views = make_or_replace(slot.samples[i], slot.bad[i]);
    if (views.student.empty())
      leave_empty(slot, i);
    else
      write_picture(slot, i, views);
    slot.labels.data<std::int64_t>()[i] = dataset->label(slot.samples[i].index);
  } catch (...) {
    slot.errors[i] = std::current_exception();
  }
}

/// A worker: takes tasks in order until none is left or the loader goes away.
void Loader::State::run() {
  std::unique_lock lock(mutex);
  while (true) {
    work.wait(lock, [&] { return stop || task_batch < opened || task_batch == batches.size(); });
    if (stop || task_batch == batches.size()) return;
    Slot& slot = slots[task_batch % slots.size()];
    const std::size_t i = task_sample;
    if (++task_sample == slot.samples.size()) {
      task_sample = 0;
      ++task_batch;
    }
    lock.unlock();
    make_sample(slot, i);
    lock.lock();
    if (--slot.left == 0) done.notify_one();
  }
}

/// Errors and replacements of a finished batch, in the order of its samples: the same for any number of workers.
std::vector<BadPicture> Loader::State::collect(Slot& slot) {
  for (const std::exception_ptr& e : slot.errors)
    if (e) std::rethrow_exception(e);
  std::vector<BadPicture> bad;
  for (std::size_t i = 0; i < slot.bad.size(); ++i) {
    if (slot.bad[i].empty()) continue;
    bad_seen.insert(dataset->name(slot.wanted[i]));
    bad.push_back({i, slot.wanted[i], std::move(slot.bad[i])});
  }
  const double allowed = options.max_bad_fraction * static_cast<double>(total);
  if (options.on_bad_image == OnBadImage::Skip && !bad.empty() && static_cast<double>(bad_seen.size()) > allowed)
    throw Error(ErrorKind::BadInput, "",
                std::to_string(bad_seen.size()) + " unreadable pictures among " + std::to_string(total) +
                    ", more than the allowed share of " + std::to_string(options.max_bad_fraction) +
                    "; the last: " + bad.back().reason,
                "remove or repair them (fledge data verify lists all), or allow a larger share (--max-bad-fraction)");
  return bad;
}

Loader::Loader(std::shared_ptr<Dataset> dataset, std::vector<BatchRefs> batches, MakeViews make_views,
               const LoaderOptions& options)
    : state_(std::make_unique<State>(std::move(dataset), std::move(batches), std::move(make_views), options)) {
  State& s = *state_;
  if (options.size < 1 || options.workers < 0 || options.batches_ahead < 1)
    throw Error(ErrorKind::Usage, "loader",
                "size " + std::to_string(options.size) + ", workers " + std::to_string(options.workers) +
                    ", batches ahead " + std::to_string(options.batches_ahead) +
                    ": size and batches ahead must be positive, workers at least 0");
  for (const BatchRefs& batch : s.batches) {
    if (batch.empty()) throw Error(ErrorKind::Usage, "loader", "a batch is empty");
    s.total += static_cast<std::int64_t>(batch.size());
  }
  if (options.pass_samples > 0) s.total = options.pass_samples;
  s.bad_seen = options.known_bad;
  if (options.on_bad_image == OnBadImage::Skip) {
    s.by_class = s.dataset->by_class();
    for (std::int64_t i = 0; i < s.dataset->size(); ++i)
      if (s.dataset->label(i) < 0) s.unlabeled.push_back(i);
  }
  s.slots.resize(options.workers == 0 ? 1 : static_cast<std::size_t>(options.batches_ahead));
  s.open_slots();
  const auto work = [&s] {
    // Compute threads meet at barriers and wait for the slowest: a worker on one of their cores must be the one to
    // yield. When the step waits for pictures instead, its cores are idle and the worker has one to itself.
    ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), ::getpriority(PRIO_PROCESS, 0) + 5);
    s.run();
  };
  s.threads.start(options.workers, work, [&s] { s.ask_to_stop(); });
}

void Loader::State::ask_to_stop() {
  {
    const std::lock_guard lock(mutex);
    stop = true;
  }
  work.notify_all();
}

Loader::~Loader() {
  state_->ask_to_stop();
  state_->threads.join();  // each finishes the one picture it has in hand
}

std::optional<Batch> Loader::next() {
  State& s = *state_;
  if (s.failure) std::rethrow_exception(s.failure);
  if (s.cursor == s.batches.size()) return std::nullopt;
  State::Slot& slot = s.slots[s.cursor % s.slots.size()];
  if (s.threads.empty()) {
    for (std::size_t i = 0; i < slot.samples.size(); ++i) s.make_sample(slot, i);
  } else {
    std::unique_lock lock(s.mutex);
    s.done.wait(lock, [&] { return slot.left == 0; });
  }
  std::vector<BadPicture> bad;
  try {
    bad = s.collect(slot);
  } catch (...) {
    s.failure = std::current_exception();
    const std::lock_guard lock(s.mutex);
    s.stop = true;
    s.work.notify_all();
    throw;
  }
  Batch batch{std::move(slot.images), std::move(slot.teacher_images), std::move(slot.labels), std::move(slot.samples),
              std::move(slot.pixels), std::move(slot.teacher_pixels), std::move(bad)};
  {
    const std::lock_guard lock(s.mutex);
    ++s.cursor;
    s.open_slots();
  }
  s.work.notify_all();
  return batch;
}

}  // namespace fledge
