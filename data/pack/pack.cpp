#include "data/pack/pack.h"

#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "data/exif_choice.h"
#include "data/pack/pack_index.h"
#include "io/weights/mapped_file.h"

namespace fledge {
namespace {

constexpr std::size_t kFooter = 8 + 8 + kPackEnd.size();
constexpr std::uint64_t kMaxIndex = std::uint64_t{1} << 30;  // lines of some ten million pictures

[[noreturn]] void refuse(const std::string& path, const std::string& problem,
                         const std::string& hint = "pack the pictures again") {
  throw Error(ErrorKind::BadInput, "", "cannot open pack '" + path + "': " + problem, hint);
}

std::uint64_t little(const char* bytes) {
  std::uint64_t value = 0;
  for (int i = 7; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

/// The index's bytes, proved to lie behind the magic and to be what was written.
std::string_view index_text(std::string_view file, const std::string& path) {
  if (!file.starts_with(kPackMagic)) refuse(path, "it does not begin as a fledge pack does", "");
  if (file.size() < kPackMagic.size() + kFooter || !file.ends_with(kPackEnd))
    refuse(path, "it is cut short or damaged: its last " + std::to_string(kPackEnd.size()) +
                     " bytes are not those of a pack");
  const char* footer = file.data() + file.size() - kFooter;
  const std::uint64_t room = file.size() - kFooter - kPackMagic.size(), size = little(footer);
  if (size > room)
    refuse(path, "it is damaged: an index of " + std::to_string(size) + " bytes, of which there is room for " +
                     std::to_string(room));
  if (size > kMaxIndex)
    refuse(path, "its index has " + std::to_string(size) + " bytes, the limit is " + std::to_string(kMaxIndex));
  const std::string_view text(footer - size, size);
  if (pack_checksum(text.data(), text.size()) != little(footer + 8))
    refuse(path, "it is damaged: the checksum of its index differs");
  return text;
}

class PackedDataset : public Dataset {
 public:
  explicit PackedDataset(const std::string& path) : path_(path), file_(path) {
    const std::string_view all(file_.bytes().data(), file_.bytes().size());
    const std::string_view text = index_text(all, path);
    index_ = read_pack_index(text, path, all.size());
    // Fewer than 2^40 pictures of at most 2^28 bytes, each with a line in the file: the sum stays far below 2^64.
    const std::uint64_t end = all.size() - kFooter - text.size();
    std::uint64_t at = kPackMagic.size();
    begins_.reserve(index_.pictures.size());
    for (const PackedPicture& p : index_.pictures) {
      begins_.push_back(at);
      at += p.bytes();
    }
    if (at != end)
      refuse(path, "its pictures need " + std::to_string(at - kPackMagic.size()) + " bytes of pixels, it has " +
                       std::to_string(end - kPackMagic.size()));
  }

  std::int64_t size() const override { return static_cast<std::int64_t>(index_.pictures.size()); }
  std::int64_t label(std::int64_t i) const override { return index_.pictures[i].label; }
  std::string name(std::int64_t i) const override { return index_.pictures[i].name; }
  const std::vector<std::string>& class_names() const override { return index_.class_names; }
  std::optional<PixelBox> box(std::int64_t i) const override { return index_.pictures[i].box; }
  std::int64_t super_class(std::int64_t i) const override { return index_.pictures[i].super_class; }

  /// The pack's own checksum, which every reading proves.
  Content content(std::int64_t i) const override {
    const PackedPicture& p = index_.pictures[i];
    return {p.checksum, static_cast<std::uint64_t>(p.width) << 32 | static_cast<std::uint64_t>(p.height)};
  }
  Content origin(std::int64_t i) const override { return index_.pictures[i].origin; }
  std::optional<bool> turned() const override { return index_.turned; }

  /// Checked at every reading: the checksum costs less than the copy.
  Image image(std::int64_t i) const override {
    const PackedPicture& p = index_.pictures[i];
    Image image{p.width, p.height, std::vector<std::uint8_t>(p.bytes())};
    file_.copy(file_.bytes().data() + begins_[i], image.rgb.size(), reinterpret_cast<char*>(image.rgb.data()));
    if (pack_checksum(image.rgb.data(), image.rgb.size()) != p.checksum)
      throw Error(ErrorKind::BadInput, "",
                  "cannot read picture '" + p.name + "' of pack '" + path_ + "': its checksum differs, it is damaged",
                  "pack the pictures again");
    return image;
  }

  std::string description() const override {
    return "pack " + path_ + ": " + std::to_string(size()) + " images, " + std::to_string(classes()) + " classes" +
           (index_.short_side > 0 ? ", short side at most " + std::to_string(index_.short_side) : "") +
           (index_.turned.value_or(false) ? ", turned upright when packed" : "");
  }

 private:
  std::string path_;
  MappedFile file_;
  PackIndex index_;
  std::vector<std::uint64_t> begins_;
};

}  // namespace

bool is_pack(const std::string& path) {
  std::string start(kPackMagic.size(), '\0');
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored) &&
         std::ifstream(path, std::ios::binary).read(start.data(), static_cast<std::streamsize>(start.size())) &&
         start == kPackMagic;
}

std::shared_ptr<Dataset> open_pack(const std::string& path) {
  auto pack = std::make_shared<PackedDataset>(path);
  const std::optional<bool> turned = pack->turned(), wanted = exif_said();
  if (turned && wanted && *turned != *wanted)
    throw Error(ErrorKind::Usage, "",
                std::string("--exif-rotate ") + (*wanted ? "on" : "off") + ", but the pictures of pack '" + path +
                    "' were packed " + (*turned ? "turned upright" : "as stored"),
                "pack them again with that flag, or leave it out");
  return pack;
}

}  // namespace fledge
