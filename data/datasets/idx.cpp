#include "data/datasets/idx.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "data/datasets/picture_places.h"

namespace fledge {
namespace {

constexpr const char* kSystemFolder = "/usr/share/datasets/fashion-mnist";

/// Reads a plain or gzip file (zlib tells them apart) piece by piece, so a hostile one cannot make us take more memory
/// than its header says.
class IdxFile {
 public:
  IdxFile(const std::string& folder, const std::string& name) : path_(folder + "/" + name) {
    std::error_code ignored;
    if (!std::filesystem::exists(path_, ignored)) path_ += ".gz";
    if (std::filesystem::exists(path_, ignored) && !std::filesystem::is_regular_file(path_, ignored))
      refuse("it is no file");
    if (!std::filesystem::exists(path_, ignored))
      throw Error(ErrorKind::BadInput, "", "'" + folder + "' lacks the IDX file " + name + " (or " + name + ".gz)",
                  "all four files of the data set must lie in one folder");
    file_ = gzopen(path_.c_str(), "rb");
    if (!file_) throw Error(ErrorKind::Resource, "", "cannot open IDX file '" + path_ + "': " + std::strerror(errno));
    const std::uintmax_t size = std::filesystem::file_size(path_, ignored);
    stored_ = ignored ? 0 : static_cast<std::int64_t>(size);
    gzbuffer(file_, 1 << 18);
  }
  ~IdxFile() { gzclose(file_); }
  IdxFile(const IdxFile&) = delete;
  IdxFile& operator=(const IdxFile&) = delete;

  std::int64_t big32() {
    std::uint8_t b[4];
    read(b, 4);
    return std::int64_t{b[0]} << 24 | b[1] << 16 | b[2] << 8 | b[3];
  }
  void expect_magic(std::int64_t magic) {
    const std::int64_t found = big32();
    if (found != magic)
      refuse("it starts with " + std::to_string(found) + " instead of " + std::to_string(magic) +
             ", so it is no such IDX file");
  }
  /// `bytes`: what the header declares. It is looked at before memory is taken: against the limit, and against what the
  /// file can hold (no real set of pictures is packed a hundredfold).
  std::vector<std::uint8_t> rest(std::int64_t bytes) {
    if (bytes > kMaxBytes)
      refuse("it declares " + std::to_string(bytes) + " bytes, the limit is " + std::to_string(kMaxBytes));
    const bool packed = gzdirect(file_) == 0;
    if (!packed && bytes + gztell(file_) != stored_)
      refuse(bytes + gztell(file_) > stored_ ? "it is truncated" : "it holds more than its header says");
    if (packed && bytes > (1 << 20) && bytes / 100 > stored_)
      refuse("it declares " + std::to_string(bytes) + " bytes, more than a hundredfold of the file");
    std::vector<std::uint8_t> data;
    data.reserve(static_cast<std::size_t>(bytes));
    constexpr std::int64_t piece = 16 << 20;
    while (static_cast<std::int64_t>(data.size()) < bytes) {
      const std::int64_t n = std::min(piece, bytes - static_cast<std::int64_t>(data.size()));
      const std::size_t at = data.size();
      data.resize(at + static_cast<std::size_t>(n));
      read(data.data() + at, n);
    }
    std::uint8_t extra;
    if (gzread(file_, &extra, 1) != 0) refuse("it holds more than its header says, or is corrupt");
    return data;
  }
  [[noreturn]] void refuse(const std::string& problem) const {
    throw Error(ErrorKind::BadInput, "", "cannot read IDX file '" + path_ + "': " + problem);
  }

 private:
  void read(std::uint8_t* out, std::int64_t n) {
    const int got = gzread(file_, out, static_cast<unsigned>(n));
    if (got == n) return;
    int code = Z_OK;
    const std::string text = gzerror(file_, &code);
    refuse(code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR ? "it is corrupt (" + text + ")"
                                                                       : "it is truncated");
  }

  static constexpr std::int64_t kMaxBytes = std::int64_t{2} << 30;  // the largest such set known has 0.55 GB

  std::string path_;
  gzFile file_ = nullptr;
  std::int64_t stored_ = 0;  // the file's size
};

struct Part {
  const char* name;
  std::int64_t count = 0, rows = 0, columns = 0;
  std::vector<std::uint8_t> pixels, labels;
};

Part read_part(const std::string& folder, const char* prefix, const char* name) {
  Part p{name, 0, 0, 0, {}, {}};
  IdxFile images(folder, std::string(prefix) + "-images-idx3-ubyte");
  images.expect_magic(2051);
  p.count = images.big32();
  p.rows = images.big32();
  p.columns = images.big32();
  if (p.count < 1 || p.rows < 1 || p.columns < 1 || p.rows > 4096 || p.columns > 4096 ||
      p.count > (1ll << 34) / (p.rows * p.columns))
    images.refuse("impossible sizes: " + std::to_string(p.count) + " images of " + std::to_string(p.columns) + "x" +
                  std::to_string(p.rows));
  p.pixels = images.rest(p.count * p.rows * p.columns);
  IdxFile labels(folder, std::string(prefix) + "-labels-idx1-ubyte");
  labels.expect_magic(2049);
  const std::int64_t count = labels.big32();
  if (count != p.count) labels.refuse(std::to_string(count) + " labels for " + std::to_string(p.count) + " images");
  p.labels = labels.rest(count);
  return p;
}

class IdxDataset : public Dataset {
 public:
  IdxDataset(std::string folder, std::vector<Part> parts) : folder_(std::move(folder)), parts_(std::move(parts)) {
    int highest = 0;
    for (const Part& p : parts_) {
      size_ += p.count;
      for (const std::uint8_t l : p.labels) highest = std::max<int>(highest, l);
    }
    // Numbers of equal width, so that the sorted names are in the order of the labels.
    const std::size_t width = std::to_string(highest).size();
    for (int l = 0; l <= highest; ++l) {
      const std::string digits = std::to_string(l);
      names_.push_back(std::string(width - digits.size(), '0') + digits);
    }
  }

  std::int64_t size() const override { return size_; }
  std::int64_t label(std::int64_t i) const override {
    const Part& p = locate(i);
    return p.labels[i];
  }
  std::string name(std::int64_t i) const override {
    const Part& p = locate(i);
    const std::string digits = std::to_string(i);
    return std::string(p.name) + "/" + std::string(digits.size() < 5 ? 5 - digits.size() : 0, '0') + digits;
  }
  Image image(std::int64_t i) const override {
    const Part& p = locate(i);
    Image image{static_cast<int>(p.columns), static_cast<int>(p.rows), {}};
    const std::int64_t n = p.rows * p.columns;
    image.rgb.resize(static_cast<std::size_t>(n) * 3);
    const std::uint8_t* gray = p.pixels.data() + i * n;
    for (std::int64_t k = 0; k < n; ++k) image.rgb[3 * k] = image.rgb[3 * k + 1] = image.rgb[3 * k + 2] = gray[k];
    return image;
  }
  Content content(std::int64_t i) const override {
    const Part& p = locate(i);
    const std::int64_t n = p.rows * p.columns;
    return content_of(p.pixels.data() + i * n, static_cast<std::size_t>(n));
  }
  const std::vector<std::string>& class_names() const override { return names_; }
  std::string description() const override {
    std::string which;
    for (const Part& p : parts_) which += (which.empty() ? "" : " + ") + std::string(p.name);
    return "IDX files " + folder_ + " (" + which + "): " + std::to_string(size_) + " images, " +
           std::to_string(classes()) + " classes";
  }

 private:
  /// The part that holds image i, which becomes the number inside the part.
  const Part& locate(std::int64_t& i) const {
    if (i < parts_.front().count) return parts_.front();
    i -= parts_.front().count;
    return parts_.back();
  }

  std::string folder_;
  std::vector<Part> parts_;
  std::vector<std::string> names_;
  std::int64_t size_ = 0;
};

}  // namespace

std::shared_ptr<Dataset> open_idx(const std::string& given, SplitPart part) {
  const std::string folder = given.empty() ? kSystemFolder : given;
  if (!is_folder(folder))
    throw Error(ErrorKind::BadInput, "",
                given.empty() ? "Fashion-MNIST is not installed" : "data folder '" + folder + "' does not exist",
                given.empty()
                    ? "apt-get install dataset-fashion-mnist, or give the folder that holds its four IDX files"
                    : "check the path");
  std::vector<Part> parts;
  if (part != SplitPart::Test) parts.push_back(read_part(folder, "train", "train"));
  if (part != SplitPart::Train) parts.push_back(read_part(folder, "t10k", "test"));
  return std::make_shared<IdxDataset>(folder, std::move(parts));
}

}  // namespace fledge
