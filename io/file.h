// Whole files, read and written safely.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "io/descriptor.h"

namespace fledge {

/// Errors name the path and the reason. BadInput: no such file, or no regular one. Resource: it is there, and could not
/// be opened or read (rights, descriptors, the disk). A file of more than `at_most` bytes is refused (BadInput) before
/// memory is taken; so is one of more than 64 MiB that is nearly all holes.
std::vector<std::uint8_t> read_file(const std::string& path, std::uint64_t at_most = ~std::uint64_t{0});
/// The same; nullopt where there is no such file.
std::optional<std::vector<std::uint8_t>> read_file_if_there(const std::string& path);
/// A file read at the places that its own words name, without taking it into memory as a whole. Errors: as read_file().
class InputFile {
 public:
  explicit InputFile(const std::string& path);
  std::uint64_t size() const { return size_; }
  /// `bytes` of them from `at` on. Throws Error(BadInput) where the file ends before that.
  void read(void* to, std::size_t bytes, std::uint64_t at) const;

 private:
  std::string path_;
  Descriptor file_;
  std::uint64_t size_ = 0;
};

/// Temporary file beside `path`, fsync, rename, fsync of the folder. Throws Error(Resource) ("no space left on device:
/// ..."); the old file stays as it was and no temporary is left.
void write_file_atomic(const std::string& path, const void* data, std::size_t size);
inline void write_file_atomic(const std::string& path, const std::string& text) {
  write_file_atomic(path, text.data(), text.size());
}

/// The same for a stream of pieces: append(), then commit(); destroyed without commit it removes the temporary.
/// The disk writes while the pieces arrive, so that the fsync at the end has little left to wait for. Small pieces are
/// gathered: a checkpoint has hundreds of tensors of a few values.
class AtomicFile {
 public:
  /// `size`: bytes that will come, where that is known: their space is taken
  /// at once. Error(Resource) when there is none.
  explicit AtomicFile(std::string path, std::uint64_t size = 0);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  void append(const void* data, std::size_t size);
  void commit();
  /// All bytes are on disk afterwards, under the temporary name still. commit() does it too.
  void finish();
  const std::string& path() const { return path_; }

 private:
  friend void commit_together(const std::vector<AtomicFile*>& files);
  void write_out(const std::uint8_t* bytes, std::size_t size);

  std::string path_, temporary_;
  int fd_ = -1, alive_ = -1;  // the second holds the lock that says so until the file has its name
  std::vector<std::uint8_t> gathered_;
  std::uint64_t written_ = 0, started_ = 0;  // bytes handed to the system; of these, bytes on their way to the disk
};

/// Files that belong together take their places together: all are finished first, then each changes places with what
/// was there. When one cannot (a folder has its name, the disk fails) the others are put back as they were. A process
/// killed between two of these steps leaves new files beside old ones: whoever must know keeps checksums.
void commit_together(const std::vector<AtomicFile*>& files);

}  // namespace fledge
