#include "data/datasets/folder.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>

#include "kernels/api/error.h"

namespace fledge {

namespace fs = std::filesystem;

namespace {

/// GIF, WebP and TIFF files count as pictures, so that `data verify` names them instead of leaving them out in silence.
bool has_picture_extension(const fs::path& path) {
  static const std::array<const char*, 11> known = {".jpg", ".jpeg", ".jpe",  ".jfif", ".png", ".bmp",
                                                    ".dib", ".gif",  ".webp", ".tif",  ".tiff"};
  std::string extension = path.extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::find(known.begin(), known.end(), extension) != known.end();
}

/// What a folder holds, names sorted by bytes (as Python's sorted does for these).
struct Listing {
  std::vector<std::string> folders, pictures;
  std::int64_t skipped = 0;
};

Listing list(const std::string& folder) {
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  if (error) throw Error(ErrorKind::BadInput, "", "cannot open data folder '" + folder + "': " + error.message());
  Listing found;
  for (const fs::directory_entry& entry : entries) {
    const std::string name = entry.path().filename().string();
    std::error_code ignored;
    if (name[0] == '.') {
      ++found.skipped;
    } else if (entry.is_directory(ignored)) {
      found.folders.push_back(name);
    } else if (has_picture_extension(entry.path())) {
      found.pictures.push_back(name);
    } else {
      ++found.skipped;
    }
  }
  std::sort(found.folders.begin(), found.folders.end());
  std::sort(found.pictures.begin(), found.pictures.end());
  return found;
}

std::string thousands(std::int64_t n) {
  std::string digits = std::to_string(n);
  for (std::ptrdiff_t at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  return digits;
}

class FolderDataset : public Dataset {
 public:
  FolderDataset(const std::string& root, const Listing& top) : root_(root), skipped_(top.skipped) {
    for (const std::string& name : top.folders) add_class(name);
  }

  std::int64_t size() const override { return static_cast<std::int64_t>(files_.size()); }
  std::int64_t label(std::int64_t i) const override { return labels_[i]; }
  std::string name(std::int64_t i) const override { return names_[labels_[i]] + "/" + files_[i]; }
  Image image(std::int64_t i) const override { return decode_image_file(root_ + "/" + name(i)); }
  const std::vector<std::string>& class_names() const override { return names_; }
  std::string description() const override {
    std::string text = "folder " + root_ + ": " + thousands(size()) + " images, " + thousands(classes()) + " classes";
    if (empty_) text += ", " + thousands(empty_) + " folders without pictures left out";
    if (skipped_) text += ", " + thousands(skipped_) + " other files left out";
    return text;
  }

  const std::vector<std::string>& nested() const { return nested_; }

 private:
  void add_class(const std::string& name) {
    const Listing found = list(root_ + "/" + name);
    skipped_ += found.skipped;
    if (found.pictures.empty()) {
      ++empty_;
      if (!found.folders.empty()) nested_.push_back(name);
      return;
    }
    const std::int64_t label = static_cast<std::int64_t>(names_.size());
    names_.push_back(name);
    for (const std::string& file : found.pictures) {
      files_.push_back(file);
      labels_.push_back(label);
    }
  }

  std::string root_;
  std::vector<std::string> names_, files_, nested_;
  std::vector<std::int64_t> labels_;
  std::int64_t skipped_ = 0, empty_ = 0;
};

[[noreturn]] void refuse(const std::string& root, const std::string& problem, const std::string& hint) {
  throw Error(ErrorKind::BadInput, "", "data folder '" + root + "' " + problem, hint);
}

constexpr const char* kLayout = "make one folder a class: FOLDER/CLASS/picture.jpg";

/// No class folder holds a picture: says what lies there instead.
[[noreturn]] void explain_empty(const std::string& root, const std::vector<std::string>& nested) {
  if (nested.empty())
    refuse(root, "has folders but no picture in any of them",
           "JPEG, PNG and BMP files are looked for by their extension");
  const auto train = std::find(nested.begin(), nested.end(), "train");
  const std::string guess = train != nested.end() ? *train : nested.front();
  refuse(root, "has no pictures in its folders, only further folders", "did you mean '" + root + "/" + guess + "'?");
}

}  // namespace

std::shared_ptr<Dataset> open_folder(const std::string& given) {
  std::string root = given;
  while (root.size() > 1 && root.back() == '/') root.pop_back();
  std::error_code error;
  const fs::file_status status = fs::status(root, error);
  if (!fs::exists(status)) refuse(root, "does not exist", "check the path; it must hold one folder a class");
  if (!fs::is_directory(status)) refuse(root, "is a file", "give the folder that holds one folder a class");
  const Listing top = list(root);
  if (top.folders.empty() && !top.pictures.empty())
    refuse(root,
           "has " + std::to_string(top.pictures.size()) + " pictures ('" + top.pictures.front() +
               "', ...) but no class folders",
           kLayout);
  if (top.folders.empty()) refuse(root, top.skipped ? "has neither class folders nor pictures" : "is empty", kLayout);
  if (!top.pictures.empty())
    refuse(
        root,
        "has pictures ('" + top.pictures.front() + "', ...) beside class folders ('" + top.folders.front() + "', ...)",
        "move them into a class folder or away");
  auto dataset = std::make_shared<FolderDataset>(root, top);
  if (dataset->size() == 0) explain_empty(root, dataset->nested());
  if (!dataset->nested().empty())
    refuse(root, "mixes class folders with folders of folders ('" + dataset->nested().front() + "')", kLayout);
  return dataset;
}

}  // namespace fledge
