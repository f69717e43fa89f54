#include "data/datasets/folder.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <iterator>
#include <map>

#include "data/datasets/annotated.h"
#include "data/exif_choice.h"
#include "kernels/api/error.h"

namespace fledge {

namespace fs = std::filesystem;

namespace {

/// GIF and TIFF files count as pictures, so that `data verify` names them instead of leaving them out in silence.
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

class FolderDataset : public Dataset {
 public:
  explicit FolderDataset(std::string root) : root_(std::move(root)), described_("folder " + root_) {}

  /// Class folders of root/`below` ("" or "train/"). A class that is in several parts is one class.
  void add(const std::string& below, const Listing& top) {
    skipped_ += top.skipped;
    for (const std::string& name : top.folders) {
      const Listing found = list(root_ + "/" + below + name);
      skipped_ += found.skipped;
      empty_ += found.pictures.empty();
      if (found.pictures.empty() && !found.folders.empty()) nested_.push_back(below + name);
      for (const std::string& file : found.pictures) classes_[name].push_back(below + name + "/" + file);
    }
  }
  /// After the last add().
  void number() {
    for (auto& [name, files] : classes_) {
      labels_.insert(labels_.end(), files.size(), static_cast<std::int64_t>(names_.size()));
      std::move(files.begin(), files.end(), std::back_inserter(files_));
      names_.push_back(name);
    }
    classes_.clear();
  }
  void describe(const std::string& text) { described_ = text; }

  std::int64_t size() const override { return static_cast<std::int64_t>(files_.size()); }
  std::int64_t label(std::int64_t i) const override { return labels_[i]; }
  std::string name(std::int64_t i) const override { return files_[i]; }
  Image image(std::int64_t i) const override { return decode_image_file(root_ + "/" + files_[i], exif_); }
  const std::vector<std::string>& class_names() const override { return names_; }
  std::string description() const override {
    std::string text =
        described_ + ": " + with_thousands(size()) + " images, " + with_thousands(classes()) + " classes";
    if (empty_) text += ", " + with_thousands(empty_) + " folders without pictures left out";
    if (skipped_) text += ", " + with_thousands(skipped_) + " other files left out";
    return text;
  }

  const std::vector<std::string>& nested() const { return nested_; }

 private:
  std::string root_, described_;
  std::map<std::string, std::vector<std::string>> classes_;  // paths below the root
  std::vector<std::string> names_, files_, nested_;
  std::vector<std::int64_t> labels_;
  std::int64_t skipped_ = 0, empty_ = 0;
  const ExifRotation exif_ = exif_rotation(false);
};

[[noreturn]] void refuse(const std::string& root, const std::string& problem, const std::string& hint) {
  throw Error(ErrorKind::BadInput, "", "data folder '" + root + "' " + problem, hint);
}

constexpr const char* kLayout = "make one folder a class: FOLDER/CLASS/picture.jpg";

/// No class folder holds a picture: says what lies there instead.
[[noreturn]] void explain_empty(const std::string& root, const std::vector<std::string>& nested) {
  if (nested.empty())
    refuse(root, "has folders but no picture in any of them",
           "JPEG, PNG, WebP and BMP files are looked for by their extension");
  if (is_split_folder(root))
    refuse(root, "has no pictures in its folders, only further folders",
           "did you mean '" + root + ":train', '" + root + ":test' or '" + root + ":all' (both)?");
  refuse(root, "has no pictures in its folders, only further folders",
         "did you mean '" + root + "/" + nested.front() + "'?");
}

/// What lies in a folder of class folders, or why it is none.
Listing list_classes(const std::string& root) {
  std::error_code error;
  const fs::file_status status = fs::status(root, error);
  if (!fs::exists(status)) refuse(root, "does not exist", "check the path; it must hold one folder a class");
  if (!fs::is_directory(status))
    refuse(root, "is a file", "give the folder that holds one folder a class, or a list that ends in .csv or .tsv");
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
  return top;
}

std::shared_ptr<Dataset> finish(std::shared_ptr<FolderDataset> dataset, const std::string& root) {
  dataset->number();
  if (dataset->size() == 0) explain_empty(root, dataset->nested());
  if (!dataset->nested().empty())
    refuse(root, "mixes class folders with folders of folders ('" + dataset->nested().front() + "')", kLayout);
  return dataset;
}

bool holds_folders(const std::string& folder) {
  std::error_code ignored;
  return fs::is_directory(folder, ignored) && !list(folder).folders.empty();
}

}  // namespace

std::shared_ptr<Dataset> open_folder(const std::string& given) {
  std::string root = given;
  while (root.size() > 1 && root.back() == '/') root.pop_back();
  const Listing top = list_classes(root);
  auto dataset = std::make_shared<FolderDataset>(root);
  dataset->add("", top);
  return finish(std::move(dataset), root);
}

bool is_split_folder(const std::string& root) {
  return holds_folders(root + "/train") && holds_folders(root + "/test");
}

std::shared_ptr<Dataset> open_split_folder(const std::string& root, SplitPart part) {
  auto dataset = std::make_shared<FolderDataset>(root);
  dataset->describe("folder " + root + ":" + part_name(part));
  for (const SplitPart p : {SplitPart::Train, SplitPart::Test})
    if (part == SplitPart::All || part == p)
      dataset->add(std::string(part_name(p)) + "/", list_classes(root + "/" + part_name(p)));
  return finish(std::move(dataset), root);
}

std::vector<std::string> pictures_in(const std::string& folder) {
  std::error_code ignored;
  return fs::is_directory(folder, ignored) ? list(folder).pictures : std::vector<std::string>{};
}

std::vector<std::string> pictures_below(const std::string& folder) {
  std::vector<std::string> found;
  std::error_code error;
  fs::recursive_directory_iterator entries(folder, fs::directory_options::skip_permission_denied, error), end;
  for (; !error && entries != end; entries.increment(error)) {
    std::error_code ignored;
    if (entries->path().filename().string()[0] != '.' && has_picture_extension(entries->path()) &&
        entries->is_regular_file(ignored))
      found.push_back(entries->path().lexically_relative(folder).string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace fledge
