// TeacherCache: what a frozen teacher said of each crop, kept in a file, so that later epochs and later runs with the
// same pictures, crops and teacher cost the student alone.
#pragma once
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "data/identity/content.h"
#include "io/descriptor.h"
#include "tensor/tensor.h"

namespace fledge {

/// One crop of one picture (data/loader.h, crop_key).
struct CropId {
  std::int64_t picture = 0, epoch = 0, occurrence = 0;  // which decide where the crop lies
  Content content;  // what the teacher sees: the file, its box, its turning; not known: the crop is not kept
  bool operator==(const CropId&) const = default;
};

class TeacherCache {
 public:
  /// Opens or makes the file. `identity`: text of everything that the embeddings depend on besides the crop. Several
  /// processes may use one file at a time. A record that a killed process left half-written is dropped. A file of the
  /// first format, which did not look at the pictures' contents, is begun anew.
  /// Errors: another identity or embedding size (Usage, says what differs), no cache file (BadInput), disk (Resource).
  TeacherCache(std::string path, const std::string& identity, std::int64_t embedding);

  /// The rows of crops that are there. A record whose checksum does not hold, or that is not finite,
  /// counts as not there. A row's last bits may depend on the batch that it went through the teacher with
  /// (oneDNN's kernels): a run that goes on takes what is kept, in a batch that is kept in part too, and
  /// so has the rows that an undisturbed run has.
  struct Kept {
    Tensor rows;              // N,D float32; those that are not there are not set
    std::vector<char> there;  // of each
    bool all = false;
  };
  Kept find(const std::vector<CropId>& crops);
  /// Appends those of the N,D rows that are not there yet; none of a batch that
  /// is not finite. Errors: disk full (Resource).
  void add(const std::vector<CropId>& crops, const Tensor& rows);
  std::int64_t size() const { return static_cast<std::int64_t>(places_.size()); }
  /// Was it a file of the first format?
  bool begun_anew() const { return begun_anew_; }

 private:
  struct Hash {
    std::size_t operator()(const CropId& c) const;
  };
  void read_new_records();
  bool read_row(const CropId& crop, float* row, std::vector<char>& record);
  std::int64_t record_bytes() const;
  std::string path_;
  Descriptor file_;
  bool begun_anew_ = false;
  std::int64_t embedding_, first_ = 0, known_ = 0;  // bytes before the records; bytes that have been looked at
  std::unordered_map<CropId, std::int64_t, Hash> places_;
};

}  // namespace fledge
