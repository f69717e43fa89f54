#include "train/model/teacher_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/interrupt.h"
#include "io/descriptor.h"
#include "tensor/finite.h"

namespace fledge {
namespace {

// magic | length of the identity, embedding size (int64 each) | identity | records of CropId, floats, XXH3 of both
constexpr char kMagic[] = "fledge-teacher-cache-3\n", kFirstMagic[] = "fledge-teacher-cache-1\n",
               kSecondMagic[] = "fledge-teacher-cache-2\n";
constexpr std::int64_t kMagicBytes = sizeof kMagic - 1, kIdBytes = sizeof(CropId);
static_assert(sizeof(CropId) == 5 * sizeof(std::int64_t));  // written as it lies
constexpr std::int64_t kLongestIdentity = 1 << 16;

/// Waits for others who write, a moment in silence; a wish to stop ends the wait.
class FileLock {
 public:
  FileLock(int fd, const std::string& path) : fd_(fd) {
    using namespace std::chrono_literals;
    constexpr int kSilent = 100;  // 2 seconds
    for (int waited = 0; ::flock(fd, LOCK_EX | LOCK_NB) != 0; ++waited) {
      if (errno != EWOULDBLOCK && errno != EINTR)
        throw Error(ErrorKind::Resource, "", "cannot lock teacher cache '" + path + "': " + std::strerror(errno),
                    "name a file on another file system, or train without --teacher-cache");
      stop_if_asked();
      if (waited == kSilent)
        std::fprintf(stderr, "\nwaiting for another process that holds the teacher cache '%s'\n", path.c_str());
      std::this_thread::sleep_for(20ms);
    }
  }
  ~FileLock() { ::flock(fd_, LOCK_UN); }

 private:
  int fd_;
};

/// False where the file ends before that.
bool read_at(int fd, void* out, std::int64_t bytes, std::int64_t at) {
  const ssize_t n = read_all(fd, out, static_cast<std::size_t>(bytes), at);
  if (n < 0)
    throw Error(ErrorKind::Resource, "", std::string("cannot read the teacher cache: ") + std::strerror(errno),
                "look at the disk, or train without --teacher-cache");
  return n == bytes;
}

std::int64_t size_of(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 ? info.st_size : 0;
}

void write_at(int fd, const std::string& path, const void* data, std::int64_t bytes, std::int64_t at) {
  if (write_all(fd, data, static_cast<std::size_t>(bytes), at) < bytes)
    throw Error(ErrorKind::Resource, "", "cannot write teacher cache '" + path + "': " + std::strerror(errno),
                "make room, or train without --teacher-cache");
}

/// Holds the file nothing yet, or a part of its head that a killed process wrote?
bool is_begun(int fd, const std::string& head) {
  std::string there(static_cast<std::size_t>(std::max<std::int64_t>(size_of(fd), 0)), '\0');
  if (there.size() >= head.size()) return false;
  return read_at(fd, there.data(), static_cast<std::int64_t>(there.size()), 0) && head.starts_with(there);
}

/// The first line of two identities that differs, for the message.
std::string difference(const std::string& there, const std::string& here) {
  std::size_t start = 0;
  for (std::size_t i = 0; i < std::min(there.size(), here.size()) && there[i] == here[i]; ++i)
    if (there[i] == '\n') start = i + 1;
  const auto line = [start](const std::string& s) { return s.substr(start, s.find('\n', start) - start); };
  return "it was made with '" + line(there) + "', this run has '" + line(here) + "'";
}

}  // namespace

std::size_t TeacherCache::Hash::operator()(const CropId& c) const { return XXH3_64bits(&c, sizeof c); }

std::int64_t TeacherCache::record_bytes() const {
  return kIdBytes + embedding_ * static_cast<std::int64_t>(sizeof(float)) +
         static_cast<std::int64_t>(sizeof(XXH64_hash_t));
}

TeacherCache::TeacherCache(std::string path, const std::string& identity, std::int64_t embedding)
    : path_(std::move(path)), file_(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)), embedding_(embedding) {
  if (file_.fd < 0)
    throw Error(ErrorKind::Resource, "", "cannot open teacher cache '" + path_ + "': " + std::strerror(errno),
                "name another file with --teacher-cache");
  const FileLock lock(file_.fd, path_);
  const std::int64_t length = static_cast<std::int64_t>(identity.size()), sizes[2] = {length, embedding};
  first_ = kMagicBytes + static_cast<std::int64_t>(sizeof sizes) + length;
  std::string old(kMagicBytes, '\0');
  const bool headed = read_at(file_.fd, old.data(), kMagicBytes, 0);
  if (headed && old == kSecondMagic)
    throw Error(ErrorKind::Usage, "",
                "teacher cache '" + path_ + "' is of an older fledge, which said otherwise what it depends on",
                "name another file with --teacher-cache, or remove it");
  begun_anew_ = headed && old == kFirstMagic;
  if (begun_anew_ && ::ftruncate(file_.fd, 0) != 0)
    throw Error(ErrorKind::Resource, "", "cannot begin teacher cache '" + path_ + "' anew: " + std::strerror(errno));
  std::string head(kMagic);
  head.append(reinterpret_cast<const char*>(sizes), sizeof sizes);
  head += identity;
  if (is_begun(file_.fd, head)) write_at(file_.fd, path_, head.data(), static_cast<std::int64_t>(head.size()), 0);
  std::string magic(kMagicBytes, '\0');
  std::int64_t found[2] = {0, 0};
  if (!read_at(file_.fd, magic.data(), kMagicBytes, 0) || magic != kMagic ||
      !read_at(file_.fd, found, sizeof found, kMagicBytes) || found[0] < 0 || found[0] > kLongestIdentity)
    throw Error(ErrorKind::BadInput, "", "'" + path_ + "' is no teacher cache",
                "name another file with --teacher-cache, or remove it");
  std::string there(static_cast<std::size_t>(found[0]), '\0');
  const bool whole = read_at(file_.fd, there.data(), found[0], kMagicBytes + static_cast<std::int64_t>(sizeof found));
  if (!whole)
    throw Error(ErrorKind::BadInput, "", "teacher cache '" + path_ + "' is cut short", "remove it: it is made anew");
  if (there == identity && found[1] != embedding)
    throw Error(ErrorKind::BadInput, "",
                "teacher cache '" + path_ + "' is damaged: it says " + std::to_string(found[1]) +
                    " numbers a crop, the teacher gives " + std::to_string(embedding),
                "remove it: it is made anew");
  if (there != identity)
    throw Error(ErrorKind::Usage, "", "teacher cache '" + path_ + "' is of another run: " + difference(there, identity),
                "name another file with --teacher-cache, or remove it");
  // What a killed process left of its last record; nobody is writing while the lock is held.
  const std::int64_t rest = (size_of(file_.fd) - first_) % record_bytes();
  if (rest != 0 && ::ftruncate(file_.fd, size_of(file_.fd) - rest) != 0)
    throw Error(ErrorKind::Resource, "", "cannot mend teacher cache '" + path_ + "': " + std::strerror(errno));
  known_ = first_;
  read_new_records();
}

/// Looks at what came to the file since the last look: by this process or another.
void TeacherCache::read_new_records() {
  const std::int64_t end = size_of(file_.fd), bytes = record_bytes();
  for (; known_ + bytes <= end; known_ += bytes) {
    CropId id;
    if (!read_at(file_.fd, &id, kIdBytes, known_)) return;
    places_.insert_or_assign(id, known_);  // the later one: it may stand in for a damaged one
  }
}

TeacherCache::Kept TeacherCache::find(const std::vector<CropId>& crops) {
  const auto there = [&](const CropId& c) { return c.content.known() && places_.count(c); };
  if (!std::all_of(crops.begin(), crops.end(), there)) read_new_records();
  Kept kept{Tensor::empty({static_cast<std::int64_t>(crops.size()), embedding_}), std::vector<char>(crops.size()),
            true};
  std::vector<char> record(static_cast<std::size_t>(record_bytes()));
  for (std::size_t i = 0; i < crops.size(); ++i) {
    kept.there[i] = there(crops[i]) &&
                    read_row(crops[i], kept.rows.data<float>() + static_cast<std::int64_t>(i) * embedding_, record);
    kept.all &= kept.there[i] != 0;
  }
  return kept;
}

/// False, and forgotten, where the record is damaged.
bool TeacherCache::read_row(const CropId& crop, float* row, std::vector<char>& record) {
  const auto place = places_.find(crop);
  XXH64_hash_t sum = 0;
  const std::size_t content = record.size() - sizeof sum;
  bool sound = read_at(file_.fd, record.data(), record_bytes(), place->second);
  std::memcpy(&sum, record.data() + content, sizeof sum);
  std::memcpy(row, record.data() + kIdBytes, static_cast<std::size_t>(embedding_) * sizeof(float));
  sound &= std::all_of(row, row + embedding_, [](float v) { return std::isfinite(v); });  // an earlier fledge kept all
  sound &= XXH3_64bits(record.data(), content) == sum;
  if (!sound) places_.erase(place);
  return sound;
}

void TeacherCache::add(const std::vector<CropId>& crops, const Tensor& rows) {
  if (!all_finite(rows)) return;
  const FileLock lock(file_.fd, path_);
  read_new_records();
  std::string records;
  std::vector<std::pair<CropId, std::int64_t>> added;
  const Tensor dense = rows.contiguous();
  for (std::size_t i = 0; i < crops.size(); ++i) {
    if (!crops[i].content.known() || places_.count(crops[i])) continue;
    const std::size_t start = records.size();
    records.append(reinterpret_cast<const char*>(&crops[i]), kIdBytes);
    records.append(reinterpret_cast<const char*>(dense.data<float>() + static_cast<std::int64_t>(i) * embedding_),
                   static_cast<std::size_t>(embedding_) * sizeof(float));
    const XXH64_hash_t sum = XXH3_64bits(records.data() + start, records.size() - start);
    records.append(reinterpret_cast<const char*>(&sum), sizeof sum);
    added.emplace_back(crops[i], known_ + static_cast<std::int64_t>(start));
  }
  write_at(file_.fd, path_, records.data(), static_cast<std::int64_t>(records.size()), known_);
  known_ += static_cast<std::int64_t>(records.size());
  for (const auto& [crop, place] : added) places_.emplace(crop, place);
}

}  // namespace fledge
