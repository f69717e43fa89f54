// What a picture is, whatever its name: the hash of its file's bytes. Found out once, and only where asked for.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace fledge {

class Dataset;

/// XXH3, 128 bits. All zeros: could not be found out (the file is missing or unreadable), so known() is asked before
/// two are compared.
struct Content {
  std::uint64_t high = 0, low = 0;
  bool operator==(const Content&) const = default;
  bool known() const { return high != 0 || low != 0; }
};

Content content_of(const void* bytes, std::size_t size);
/// Of a whole file, read piece by piece. Not known: there is no such file, or it is no regular one. Error(Resource): it
/// is there and cannot be read (rights, descriptors, the disk): that is no content.
Content content_of_file(const std::string& path);
/// 32 hexadecimal digits; and back, nullopt for anything else.
std::string to_text(const Content& content);
std::optional<Content> content_from_text(std::string_view text);

/// What a cheap look says of a file. Another stamp: perhaps another content.
struct FileStamp {
  std::int64_t size = -1;                  // -1: no such file
  std::int64_t modified = 0, changed = 0;  // nanoseconds: mtime, and ctime, which nobody can set back
  bool operator==(const FileStamp&) const = default;
};
FileStamp stamp_of_file(const std::string& path);

/// The contents of a data set's pictures. Each is found out when it is first asked for; thread-safe.
class Contents {
 public:
  explicit Contents(std::shared_ptr<const Dataset> dataset);
  ~Contents();  // stops the thread
  Contents(const Contents&) = delete;
  Contents& operator=(const Contents&) = delete;

  const Dataset& dataset() const { return *dataset_; }
  std::int64_t size() const { return static_cast<std::int64_t>(found_.size()); }
  /// Of picture i.
  Content of(std::int64_t i);
  /// Of the file that picture i comes from, however it lies here: the same for a file and for its copy in a pack, of
  /// any size, that knows its files. Where no file is known, of(i).
  Content origin(std::int64_t i);
  /// What was found out in another process, where the file's stamp has stayed the same.
  void remember(std::int64_t i, const Content& content);

  /// Finds out all in a thread of low priority that runs beside; a start that fails is no error.
  void start();
  /// Are all known?
  bool complete() const { return left_.load(std::memory_order_acquire) == 0; }
  /// Finds out those of `pictures`, or all, in the calling thread and `threads` more. Throws Stopped when the process
  /// was asked to stop.
  void find(const std::vector<std::int64_t>& pictures, int threads);
  void finish(int threads);

 private:
  void store(std::int64_t i, const Content& content);
  std::shared_ptr<const Dataset> dataset_;
  std::vector<Content> contents_;
  std::vector<std::atomic<bool>> found_;
  std::atomic<std::int64_t> left_;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::thread thread_;
};

}  // namespace fledge
