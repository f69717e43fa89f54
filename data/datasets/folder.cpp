#include "data/datasets/folder.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <iterator>
#include <map>
#include <optional>
#include <set>

#include "base/error.h"
#include "data/datasets/annotated.h"
#include "data/datasets/class_folder.h"
#include "data/datasets/listing.h"
#include "data/datasets/picture_places.h"
#include "data/exif_choice.h"
#include "io/label_numbers.h"

namespace fledge {

namespace fs = std::filesystem;

namespace {

/// Those of class folders that are no links: what a link elsewhere leads to once more is theirs.
void add_class_folders(const std::string& parent, const std::vector<std::string>& names, std::set<FolderId>& found) {
  std::error_code ignored;
  for (const std::string& name : names)
    if (!fs::is_symlink(parent + name, ignored))
      if (const auto id = folder_id(parent + name)) found.insert(*id);
}

/// Folders that are parts of a data set rather than classes beside others.
bool names_a_part(std::string name) {
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return name == "train" || name == "test" || name == "val" || name == "valid" || name == "validation";
}

class FolderDataset : public Dataset {
 public:
  explicit FolderDataset(std::string root) : root_(std::move(root)), described_("folder " + root_) {}

  /// Class folders of root/`below` ("" or "train/"). A class that is in several parts is one class.
  void add(const std::string& below, const Listing& top) {
    other_.add(top.other, below);
    hidden_.add(top.hidden, below);
    const std::string parent = root_ + "/" + below;
    any_links_ |= top.links;
    class_folders_.merge(folders_above(parent));
    add_class_folders(parent, top.folders, class_folders_);
    for (const std::string& name : top.folders) {
      const std::string start = below + name + "/";
      std::error_code ignored;
      if (fs::is_symlink(parent + name, ignored))
        if (const auto id = folder_id(parent + name); id && !class_folders_.insert(*id).second) {
          again_.add(below + name);  // another class once more: the same pictures under two labels
          continue;
        }
      const ClassFolder found(parent + name, class_folders_);
      other_.add(found.other, start);
      hidden_.add(found.hidden, start);
      any_links_ |= found.links;
      again_.add(found.again, start);
      below_.add(found.below, start);
      if (found.files.empty()) empty_.add(below + name);
      if (found.own == 0 && found.folders > 0) nested_.push_back(below + name);
      if (found.own == 0 && names_a_part(name) && !found.files.empty()) parts_.push_back(below + name);
      any_own_ |= found.own > 0;
      for (const std::string& file : found.files) classes_[name].push_back(start + file);
    }
  }
  /// After the last add().
  void number() {
    leave_out_linked();
    LabelNumbers numbers;
    for (auto& [name, files] : classes_) {
      if (const LabelNumbers::Met* before = numbers.other_spelling(name, 0))
        throw Error(ErrorKind::BadInput, "",
                    "data folder '" + root_ + "': class folder '" + name + "' is the number of '" + before->label +
                        "', written in another way",
                    "lists and tables cannot tell them apart: rename one, or put their pictures together");
      labels_.insert(labels_.end(), files.size(), static_cast<std::int64_t>(names_.size()));
      std::move(files.begin(), files.end(), std::back_inserter(files_));
      names_.push_back(name);
    }
    classes_.clear();
    sound_ = std::vector<std::atomic<bool>>(files_.size());
  }
  void describe(const std::string& text) { described_ = text; }

  std::int64_t size() const override { return static_cast<std::int64_t>(files_.size()); }
  std::int64_t label(std::int64_t i) const override { return labels_[i]; }
  std::string name(std::int64_t i) const override { return files_[i]; }
  std::optional<bool> turned() const override { return exif_ == ExifRotation::Apply; }
  Image image(std::int64_t i) const override { return decode_image_file(root_ + "/" + files_[i], exif_); }
  ImageSource source(std::int64_t i) const override {
    return open_image_file(root_ + "/" + files_[i], exif_, &sound_[i]);
  }
  PictureFile file(std::int64_t i) const override { return {root_ + "/" + files_[i], exif_ == ExifRotation::Apply}; }
  const std::vector<std::string>& class_names() const override { return names_; }
  std::string description() const override {
    std::string text =
        described_ + ": " + with_thousands(size()) + " images, " + with_thousands(classes()) + " classes";
    if (below_.count)
      text += ", " + below_.text("of the images in a folder below its class's",
                                 "of the images in folders below their class's");
    if (empty_.count)
      text += ", " + empty_.text("folder without pictures left out", "folders without pictures left out");
    if (other_.count) text += ", " + other_.text("other file left out", "other files left out");
    if (hidden_.count) text += ", " + hidden_.text("hidden folder left out", "hidden folders left out");
    if (again_.count)
      text += ", " + again_.text("link to a folder that is looked at already left out",
                                 "links to folders that are looked at already left out");
    if (linked_.count)
      text += ", " + linked_.text("link to a picture of another class left out",
                                  "links to pictures of other classes left out");
    return text;
  }

  /// Class folders without a picture of their own, but with folders; those of them that bear the name of a part.
  const std::vector<std::string>& nested() const { return nested_; }
  const std::vector<std::string>& parts() const { return parts_; }
  /// Does any class folder hold a picture itself?
  bool any_own() const { return any_own_; }

 private:
  /// Pictures that a link shows in a second class: what the link leads to keeps its own class, of two links the first.
  void leave_out_linked() {
    if (!any_links_) return;
    std::map<std::string, std::string> class_of;  // by where the files really are
    const fs::path root = fs::canonical(root_);
    std::vector<std::pair<std::string, std::string>> linked;  // class, file
    for (const auto& [name, files] : classes_)
      for (const std::string& file : files)
        if (leads_elsewhere(file))
          linked.emplace_back(name, file);
        else
          class_of.emplace((root / file).string(), name);
    std::set<std::string> again;
    for (const auto& [name, file] : linked) {
      std::error_code error;
      const fs::path target = fs::canonical(root_ + "/" + file, error);
      if (error || class_of.emplace(target.string(), name).first->second == name) continue;
      again.insert(file);
      linked_.add(file);
    }
    if (again.empty()) return;
    for (auto& [name, files] : classes_)
      std::erase_if(files, [&](const std::string& file) { return again.contains(file); });
    std::erase_if(classes_, [](const auto& c) { return c.second.empty(); });
  }
  /// Is the file, or a folder on the way to it from the root, a link?
  bool leads_elsewhere(const std::string& file) {
    std::error_code ignored;
    if (fs::is_symlink(root_ + "/" + file, ignored)) return true;
    const std::size_t slash = file.rfind('/');
    if (slash == std::string::npos) return false;
    const std::string folder = file.substr(0, slash);
    const auto known = link_folders_.find(folder);
    if (known != link_folders_.end()) return known->second;
    const bool linked = leads_elsewhere(folder);
    link_folders_.emplace(folder, linked);
    return linked;
  }

  std::string root_, described_;
  std::map<std::string, bool> link_folders_;
  std::map<std::string, std::vector<std::string>> classes_;  // paths below the root
  std::vector<std::string> names_, files_, nested_, parts_;
  mutable std::vector<std::atomic<bool>> sound_;  // by file: was it read to its end once?
  std::vector<std::int64_t> labels_;
  Counted below_, empty_, other_, hidden_, again_, linked_;
  std::set<FolderId> class_folders_;  // and those above them
  bool any_own_ = false, any_links_ = false;
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
  if (error && status.type() != fs::file_type::not_found) cannot_look(root, error);
  if (!fs::exists(status)) refuse(root, "does not exist", "check the path; it must hold one folder a class");
  if (!fs::is_directory(status))
    refuse(root, "is a file", "give the folder that holds one folder a class, or a list that ends in .csv or .tsv");
  const Listing top = list_data_folder(root);
  if (top.folders.empty() && !top.pictures.empty())
    refuse(root,
           "has " + std::to_string(top.pictures.size()) + " pictures ('" + top.pictures.front() +
               "', ...) but no class folders",
           kLayout);
  if (top.folders.empty())
    refuse(root, top.other.count || top.hidden.count ? "has neither class folders nor pictures" : "is empty", kLayout);
  if (!top.pictures.empty())
    refuse(
        root,
        "has pictures ('" + top.pictures.front() + "', ...) beside class folders ('" + top.folders.front() + "', ...)",
        "move them into a class folder or away");
  return top;
}

std::shared_ptr<Dataset> finish(std::shared_ptr<FolderDataset> dataset, const std::string& root) {
  dataset->number();
  // Where pictures lie in deeper folders alone, it is rather the folder above one or more data sets.
  if (!dataset->any_own()) explain_empty(root, dataset->nested());
  if (!dataset->parts().empty())
    refuse(root, "mixes class folders with folders of folders ('" + dataset->parts().front() + "')", kLayout);
  return dataset;
}

/// A copy may have doubled the folder, CARS/CARS/CLASS: where its only folder bears its own name
/// and holds folders alone, that one is meant.
std::string inner_root(std::string root) {
  for (int depth = 0; depth < 3; ++depth) {
    if (!is_folder(root)) return root;
    const Listing found = list_data_folder(root);
    const std::string name = fs::path(root).filename().string();
    if (found.folders != std::vector<std::string>{name} || !found.pictures.empty()) return root;
    const Listing inner = list_data_folder(root + "/" + name);
    if (inner.folders.empty() || !inner.pictures.empty()) return root;
    root += "/" + name;
  }
  return root;
}

bool holds_folders(const std::string& folder) { return is_folder(folder) && !list_data_folder(folder).folders.empty(); }

}  // namespace

std::shared_ptr<Dataset> open_folder(const std::string& given) {
  std::string root = given;
  while (root.size() > 1 && root.back() == '/') root.pop_back();
  root = inner_root(root);
  const Listing top = list_classes(root);
  auto dataset = std::make_shared<FolderDataset>(root);
  dataset->add("", top);
  return finish(std::move(dataset), root);
}

bool is_split_folder(const std::string& given) {
  const std::string root = inner_root(given);
  return holds_folders(root + "/train") && holds_folders(root + "/test");
}

std::shared_ptr<Dataset> open_split_folder(const std::string& given, SplitPart part) {
  const std::string root = inner_root(given);
  auto dataset = std::make_shared<FolderDataset>(root);
  dataset->describe("folder " + root + ":" + part_name(part));
  for (const SplitPart p : {SplitPart::Train, SplitPart::Test}) {
    if (part != SplitPart::All && part != p) continue;
    const std::string folder = inner_root(root + "/" + part_name(p));  // train/train
    dataset->add(folder.substr(root.size() + 1) + "/", list_classes(folder));
  }
  return finish(std::move(dataset), root);
}

std::vector<std::string> pictures_in(const std::string& folder) {
  return is_folder(folder) ? list_data_folder(folder).pictures : std::vector<std::string>{};
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
