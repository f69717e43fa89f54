#include "data/datasets/cub.h"

#include <filesystem>

#include "data/datasets/annotation_files/text_file.h"
#include "data/datasets/picture_places.h"

namespace fledge {

namespace {

constexpr std::int64_t kCubTrainingClasses = 100;

const KnownSet kCub = {
    "CUB-200-2011", {5864, 100}, {5924, 100}, {{"CUB_200_2011.tgz", "97eceeb196236b17998738112f37df78", true}}};

/// A file of "ID VALUE..." by id; an id that is there twice is refused.
using ById = std::map<std::int64_t, TextRow>;
ById read_by_id(const std::string& path, std::size_t columns) {
  ById rows;
  for (TextRow& row : read_blank_separated(path, columns)) {
    const std::int64_t id = row.integer(0, "the id");
    const auto [at, added] = rows.emplace(id, row);
    if (!added)
      row.refuse("id " + std::to_string(id) + " is there before, in line " + std::to_string(at->second.line()));
  }
  return rows;
}

const TextRow& find(const ById& rows, std::int64_t id, const TextRow& image, const char* file) {
  const auto at = rows.find(id);
  if (at == rows.end()) image.refuse(std::string(file) + " has no line for image " + std::to_string(id));
  return at->second;
}

PixelBox box_of(const TextRow& row) {
  const double x = row.number(1, "x"), y = row.number(2, "y"), w = row.number(3, "width"), h = row.number(4, "height");
  return covering_box(x, y, x + w, y + h, row.where());
}

}  // namespace

bool is_cub(const std::string& root) {
  return is_file(root + "/images.txt") && is_file(root + "/image_class_labels.txt");
}

Annotations read_cub(const std::string& root) {
  Annotations a{.layout = kCub.name, .source = root, .root = root, .known = &kCub};
  for (const auto& [id, row] : read_by_id(root + "/classes.txt", 2)) a.class_names[id] = row.fields[1];
  const ById labels = read_by_id(root + "/image_class_labels.txt", 2);
  ById boxes;
  std::error_code ignored;
  const bool boxed = std::filesystem::exists(root + "/bounding_boxes.txt", ignored);
  if (boxed) boxes = read_by_id(root + "/bounding_boxes.txt", 5);

  for (const auto& [id, row] : read_by_id(root + "/images.txt", 2)) {
    const std::string& file = row.fields[1];
    check_inside(file, row.where());
    const TextRow& label = find(labels, id, row, "image_class_labels.txt");
    AnnotatedImage image{.file = "images/" + file, .class_id = label.integer(1, "the class")};
    const auto name = a.class_names.find(image.class_id);
    if (name == a.class_names.end()) label.refuse("class " + std::to_string(image.class_id) + " is not in classes.txt");
    if (file.substr(0, file.find('/')) != name->second)
      row.refuse("'" + file + "' does not lie in the folder of its class, '" + name->second + "'");
    image.part = image.class_id <= kCubTrainingClasses ? SplitPart::Train : SplitPart::Test;
    if (boxed) image.box = box_of(find(boxes, id, row, "bounding_boxes.txt"));
    a.images.push_back(std::move(image));
  }
  check_listed_once(a);
  PicturePlaces places(a);
  const std::string folder = places.settle("images/", {"CUB_200_2011/images/", "../images/", ""});
  places.require_any();
  if (!folder.empty()) a.picture_folders = {folder.substr(0, folder.size() - 1)};
  return a;
}

}  // namespace fledge
