#include "data/identity/content.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <exception>
#include <system_error>

#include "base/error.h"
#include "base/hex.h"
#include "data/dataset.h"
#include "data/worker_threads.h"
#include "io/descriptor.h"
#include "io/open_error.h"

namespace fledge {
namespace {

constexpr std::size_t kPiece = 256 << 10;

Content of_hash(const XXH128_hash_t& h) { return {h.high64, h.low64}; }

[[noreturn]] void unreadable(const std::string& path) {
  throw Error(ErrorKind::Resource, "", "cannot read picture '" + path + "': " + std::strerror(errno));
}

struct FreeState {
  void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
};

}  // namespace

Content content_of(const void* bytes, std::size_t size) { return of_hash(XXH3_128bits(bytes, size)); }

Content content_of_file(const std::string& path) {
  // Not blocking: a pipe among the pictures is no picture, and nobody need write into it.
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0 && (names_nothing(errno) || errno == ENXIO)) return {};  // ENXIO: a socket
  struct stat info {};
  if (file.fd < 0 || ::fstat(file.fd, &info) != 0) unreadable(path);
  if (!S_ISREG(info.st_mode)) return {};
  thread_local std::vector<std::uint8_t> piece(kPiece);
  thread_local const std::unique_ptr<XXH3_state_t, FreeState> state(XXH3_createState());
  if (!state || XXH3_128bits_reset(state.get()) != XXH_OK) return {};
  for (off_t at = 0;;) {
    const ssize_t n = read_all(file.fd, piece.data(), piece.size(), at);
    if (n < 0) unreadable(path);
    XXH3_128bits_update(state.get(), piece.data(), static_cast<std::size_t>(n));
    if (static_cast<std::size_t>(n) < piece.size()) return of_hash(XXH3_128bits_digest(state.get()));
    at += n;
  }
}

std::string to_text(const Content& content) {
  char text[40];
  std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(content.high),
                static_cast<unsigned long long>(content.low));
  return text;
}

std::optional<Content> content_from_text(std::string_view text) {
  if (!is_hex(text, 32)) return std::nullopt;
  Content c;
  std::from_chars(text.data(), text.data() + 16, c.high, 16);
  std::from_chars(text.data() + 16, text.data() + 32, c.low, 16);
  return c;
}

FileStamp stamp_of_file(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return {};
  const auto nanoseconds = [](const timespec& t) { return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec; };
  return {info.st_size, nanoseconds(info.st_mtim), nanoseconds(info.st_ctim)};
}

Contents::Contents(std::shared_ptr<const Dataset> dataset)
    : dataset_(std::move(dataset)),
      contents_(static_cast<std::size_t>(dataset_->size())),
      found_(contents_.size()),
      left_(static_cast<std::int64_t>(contents_.size())) {}

Contents::~Contents() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

void Contents::store(std::int64_t i, const Content& content) {
  const std::lock_guard lock(mutex_);
  if (found_[i]) return;
  contents_[i] = content;
  found_[i].store(true, std::memory_order_release);
  left_.fetch_sub(1, std::memory_order_acq_rel);
}

Content Contents::of(std::int64_t i) {
  if (!found_[i].load(std::memory_order_acquire)) {
    const std::string path = dataset_->file(i).path;
    Content content;
    try {
      content = path.empty() ? dataset_->content(i) : content_of_file(path);
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::BadInput) throw;  // unreadable: not known
    }
    store(i, content);
  }
  return contents_[i];
}

Content Contents::origin(std::int64_t i) {
  if (dataset_->file(i).path.empty())
    if (const Content file = dataset_->origin(i); file.known()) return file;
  return of(i);
}

void Contents::remember(std::int64_t i, const Content& content) {
  if (content.known()) store(i, content);
}

void Contents::start() {
  if (thread_.joinable() || complete()) return;
  try {
    thread_ = std::thread([this] {
      // Training goes first: what is wanted earlier is found out by who wants it.
      ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 19);
      for (std::int64_t i = 0; i < size() && !stop_; ++i) {
        try {
          of(i);
        } catch (const std::exception&) {
          return;  // finish() meets the same error where it can be told
        }
      }
    });
  } catch (const std::system_error&) {
  }
}

void Contents::find(const std::vector<std::int64_t>& pictures, int threads) {
  for_each_in_threads(static_cast<std::int64_t>(pictures.size()), threads, [&](std::int64_t p) { of(pictures[p]); });
}

void Contents::finish(int threads) {
  std::vector<std::int64_t> left;
  for (std::int64_t i = 0; i < size(); ++i)
    if (!found_[i].load(std::memory_order_acquire)) left.push_back(i);
  if (!left.empty()) find(left, threads);
}

}  // namespace fledge
