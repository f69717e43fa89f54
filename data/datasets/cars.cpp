#include "data/datasets/cars.h"

#include <algorithm>
#include <cstdio>

#include "base/error.h"
#include "data/datasets/annotation_files/mat_annotations.h"
#include "data/datasets/annotation_files/text_file.h"
#include "data/datasets/folder.h"
#include "data/datasets/picture_places.h"

namespace fledge {
namespace {

constexpr std::int64_t kCarsTrainingClasses = 98;

const KnownSet kCars = {"Cars-196",
                        {8054, 98},
                        {8131, 98},
                        {{"cars_annos.mat", "b407c6086d669747186bd1d764ff9dbc", false},
                         {"car_ims.tgz", "d5c8f0aa497503f355e17dc7886c3f14", true}}};

std::string folder_name(std::string name) {
  std::replace(name.begin(), name.end(), '/', '-');
  return name;
}

void set_names(Annotations& a, const std::vector<std::string>& names) {
  for (std::size_t c = 0; c < names.size(); ++c) {
    char number[24];
    std::snprintf(number, sizeof number, "%03zu.", c + 1);
    a.class_names[static_cast<std::int64_t>(c) + 1] = number + folder_name(names[c]);
  }
}

/// Corners are counted from 1, and the last pixel belongs to the box.
PixelBox box_of(double x1, double y1, double x2, double y2, const std::string& where) {
  return covering_box(x1 - 1, y1 - 1, x2, y2, where);
}

void add(Annotations& a, const std::string& file, std::int64_t class_id, const PixelBox& box,
         const std::string& where) {
  check_inside(file, where);
  if (!a.class_names.contains(class_id))
    throw Error(ErrorKind::BadInput, "",
                where + ": class " + std::to_string(class_id) + " is not one of the " +
                    std::to_string(a.class_names.size()) + " named ones");
  a.images.push_back({file, class_id, class_id <= kCarsTrainingClasses ? SplitPart::Train : SplitPart::Test, box});
}

void add_records(Annotations& a, const std::vector<MatRecord>& records, const std::string& folder,
                 const std::string& path) {
  for (std::size_t i = 0; i < records.size(); ++i) {
    const MatRecord& r = records[i];
    const std::string where = path + ": annotations(" + std::to_string(i + 1) + ")";
    add(a, folder + r.file, r.class_id, box_of(r.x1, r.y1, r.x2, r.y2, where), where);
  }
}

[[noreturn]] void refuse(const std::string& problem, const std::string& hint) {
  throw Error(ErrorKind::BadInput, "", problem, hint);
}

MatAnnotations read_labeled(const std::string& path) {
  MatAnnotations mat = read_mat_annotations(path);
  if (mat.records.empty()) refuse("'" + path + "' has no variable 'annotations'", "take the file of the data set");
  if (mat.records[0].class_id == 0) refuse("'" + path + "' has no field 'class'", "take the file of the data set");
  return mat;
}

/// Settles a folder of pictures, which then counts as one that holds nothing else.
void settle(Annotations& a, PicturePlaces& places, const std::string& usual,
            const std::vector<std::string>& others = {}) {
  const std::string found = places.settle(usual, others);
  if (!found.empty()) a.picture_folders.push_back(found.substr(0, found.size() - 1));
}

/// A file of the devkit, which may be unpacked into devkit/ or beside it; "" when it is in neither.
std::string devkit_file(const std::string& root, const std::string& name) {
  for (const char* folder : {"/devkit/", "/", "/car_devkit/devkit/", "/car_devkit/", "/devkit/devkit/"})
    if (is_file(root + folder + name)) return root + folder + name;
  return "";
}

std::string needed_devkit_file(const std::string& root, const std::string& name) {
  const std::string path = devkit_file(root, name);
  if (!path.empty()) return path;
  const bool unlabeled = name == "cars_test_annos_withlabels.mat" && !devkit_file(root, "cars_test_annos.mat").empty();
  refuse("Cars-196 in '" + root + "' lacks " + name +
             (unlabeled ? " (cars_test_annos.mat is there, but tells no classes)" : ""),
         "put it into '" + root + "/devkit' or beside that folder");
}

/// cars_annos.mat and its names.
MatAnnotations read_whole_list(Annotations& a, std::string& path) {
  path = devkit_file(a.root, "cars_annos.mat");
  if (path.empty()) path = a.root + "/cars_annos.mat";  // reading it says that it is missing
  MatAnnotations mat = read_labeled(path);
  if (mat.class_names.empty()) refuse("'" + path + "' has no variable 'class_names'", "take the file of the data set");
  set_names(a, mat.class_names);
  return mat;
}

void read_a(Annotations& a) {
  std::string path;
  add_records(a, read_whole_list(a, path).records, "", path);
  PicturePlaces places(a);
  if (a.images.front().file.starts_with("car_ims/"))
    settle(a, places, "car_ims/", {""});
  else
    settle(a, places, "", {"car_ims/"});
  places.require_any();
}

void read_b(Annotations& a) {
  const std::string meta = needed_devkit_file(a.root, "cars_meta.mat");
  set_names(a, read_mat_annotations(meta).class_names);
  if (a.class_names.empty()) refuse("'" + meta + "' has no variable 'class_names'", "take the file of the devkit");
  for (const auto& [folder, name] :
       {std::pair{"cars_train/", "cars_train_annos.mat"}, std::pair{"cars_test/", "cars_test_annos_withlabels.mat"}}) {
    const std::string path = needed_devkit_file(a.root, name);
    add_records(a, read_labeled(path).records, folder, path);
  }
  PicturePlaces places(a);
  settle(a, places, "cars_train/");
  settle(a, places, "cars_test/");
  places.require_any();
}

[[noreturn]] void refuse_order(const Annotations& a, const std::string& problem) {
  refuse("Cars-196 in '" + a.root +
             "': cars_annos.mat numbers the pictures of car_ims/, which is not there; cars_train/ " +
             "and cars_test/ are there, but not in its order: " + problem,
         "add the devkit of these two folders: cars_meta.mat, cars_train_annos.mat, cars_test_annos_withlabels.mat");
}

/// Another order shows in boxes that do not fit their pictures: a few of them tell.
void check_order(const Annotations& a) {
  constexpr std::size_t kLooks = 64;
  const std::size_t looks = std::min(kLooks, a.images.size());
  for (std::size_t i = 0; i < looks; ++i) {
    const AnnotatedImage& image = a.images[i * a.images.size() / looks];
    const PixelBox& box = *image.box;
    const Image picture = decode_image_file(a.root + "/" + image.file);
    if (box.left < 0 || box.top < 0 || box.left + box.width > picture.width || box.top + box.height > picture.height)
      refuse_order(a, "the box of '" + image.file + "' would reach beyond the picture");
  }
}

void read_ordered(Annotations& a) {
  std::string path;
  std::int64_t numbers[2] = {0, 0};
  std::vector<MatRecord> records = read_whole_list(a, path).records;
  for (MatRecord& r : records) {
    if (r.test < 0) refuse_order(a, "'" + path + "' has no field 'test'");
    char file[40];
    std::snprintf(file, sizeof file, "%s/%05lld.jpg", r.test ? "cars_test" : "cars_train",
                  static_cast<long long>(++numbers[r.test]));
    r.file = file;
  }
  add_records(a, records, "", path);
  PicturePlaces places(a);
  settle(a, places, "cars_train/");
  settle(a, places, "cars_test/");
  places.require_any();
  std::int64_t there = 0;
  for (const std::string& folder : a.picture_folders)
    there += static_cast<std::int64_t>(pictures_in(a.root + "/" + folder).size());
  if (there != static_cast<std::int64_t>(records.size()))
    refuse_order(a, "it lists " + with_thousands(static_cast<std::int64_t>(records.size())) + " pictures, they hold " +
                        with_thousands(there));
  for (const AnnotatedImage& image : a.images)
    if (!is_file(a.root + "/" + image.file)) refuse_order(a, "'" + image.file + "' is not there");
  check_order(a);
  a.note = "cars_train and cars_test taken for the order of cars_annos.mat, as there is no devkit";
}

/// "FILE,X1,Y1,X2,Y2,CLASS" in each line.
void add_csv(Annotations& a, const std::string& folder, const std::string& path) {
  for (const TextRow& row : read_separated(path, ',')) {
    if (row.fields.size() != 6) row.refuse("it has " + std::to_string(row.fields.size()) + " fields instead of 6");
    const std::int64_t id = row.integer(5, "the class");
    const auto name = a.class_names.find(id);
    if (name == a.class_names.end()) row.refuse("class " + std::to_string(id) + " is not in names.csv");
    const PixelBox box =
        box_of(row.number(1, "x1"), row.number(2, "y1"), row.number(3, "x2"), row.number(4, "y2"), row.where());
    const std::string plain_name = name->second.substr(name->second.find('.') + 1);
    add(a, folder + plain_name + "/" + row.fields[0], id, box, row.where());
  }
}

void read_c(Annotations& a) {
  std::vector<std::string> names;
  for (const TextRow& row : read_separated(a.root + "/names.csv", ',')) {
    if (row.fields.size() != 1)
      row.refuse("it has " + std::to_string(row.fields.size()) + " fields instead of one name");
    names.push_back(row.fields[0]);
  }
  set_names(a, names);
  PicturePlaces places(a);
  for (const std::string part : {"train", "test"}) {
    const std::string usual = "car_data/car_data/" + part + "/";
    add_csv(a, usual, a.root + "/anno_" + part + ".csv");
    settle(a, places, usual, {"car_data/" + part + "/", part + "/"});
  }
  places.require_any();
}

}  // namespace

CarsLayout find_cars(const std::string& root) {
  const bool whole_list = !devkit_file(root, "cars_annos.mat").empty(), car_ims = is_folder(root + "/car_ims");
  const bool train = is_folder(root + "/cars_train"), test = is_folder(root + "/cars_test");
  const bool devkit = is_folder(root + "/devkit") || !devkit_file(root, "cars_train_annos.mat").empty();
  if (car_ims && (whole_list || !(train || test))) return CarsLayout::A;
  if (train || test) {
    const bool complete = !devkit_file(root, "cars_meta.mat").empty() &&
                          !devkit_file(root, "cars_train_annos.mat").empty() &&
                          !devkit_file(root, "cars_test_annos_withlabels.mat").empty();
    if (whole_list && train && test && !complete) return CarsLayout::Ordered;
    if ((train && test) || devkit) return CarsLayout::B;
  }
  if (whole_list) return CarsLayout::A;
  if (is_file(root + "/names.csv") && (is_file(root + "/anno_train.csv") || is_file(root + "/anno_test.csv")))
    return CarsLayout::C;
  return CarsLayout::None;
}

Annotations read_cars(const std::string& root, CarsLayout layout) {
  Annotations a{.layout = kCars.name, .source = root, .root = root, .known = &kCars};
  if (layout == CarsLayout::A) read_a(a);
  if (layout == CarsLayout::B) read_b(a);
  if (layout == CarsLayout::C) read_c(a);
  if (layout == CarsLayout::Ordered) read_ordered(a);
  check_listed_once(a);
  return a;
}

}  // namespace fledge
