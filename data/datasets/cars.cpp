#include "data/datasets/cars.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "data/datasets/mat_annotations.h"
#include "data/datasets/text_file.h"
#include "kernels/api/error.h"

namespace fledge {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kLastTrainingClass = 98;

const KnownSet kCars = {"Cars-196",
                        {8054, 98},
                        {8131, 98},
                        {{"cars_annos.mat", "b407c6086d669747186bd1d764ff9dbc", false},
                         {"car_ims.tgz", "d5c8f0aa497503f355e17dc7886c3f14", true}}};

bool is_file(const std::string& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}
bool is_folder(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

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
  a.images.push_back({file, class_id, class_id <= kLastTrainingClass ? SplitPart::Train : SplitPart::Test, box});
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

MatAnnotations read_labelled(const std::string& path) {
  MatAnnotations mat = read_mat_annotations(path);
  if (mat.records.empty()) refuse("'" + path + "' has no variable 'annotations'", "take the file of the data set");
  if (mat.records[0].class_id == 0) refuse("'" + path + "' has no field 'class'", "take the file of the data set");
  return mat;
}

void read_a(Annotations& a) {
  const std::string path = a.root + "/cars_annos.mat";
  const MatAnnotations mat = read_labelled(path);
  if (mat.class_names.empty()) refuse("'" + path + "' has no variable 'class_names'", "take the file of the data set");
  set_names(a, mat.class_names);
  add_records(a, mat.records, "", path);
  a.picture_folders = {"car_ims"};
}

/// A file of the devkit, which may be unpacked into devkit/ or beside it; "" when it is in neither.
std::string devkit_file(const std::string& root, const std::string& name) {
  for (const char* folder : {"/devkit/", "/"})
    if (is_file(root + folder + name)) return root + folder + name;
  return "";
}

std::string needed_devkit_file(const std::string& root, const std::string& name) {
  const std::string path = devkit_file(root, name);
  if (!path.empty()) return path;
  const bool unlabelled = name == "cars_test_annos_withlabels.mat" && !devkit_file(root, "cars_test_annos.mat").empty();
  refuse("Cars-196 in '" + root + "' lacks " + name +
             (unlabelled ? " (cars_test_annos.mat is there, but tells no classes)" : ""),
         "put it into '" + root + "/devkit' or beside that folder");
}

void read_b(Annotations& a) {
  const std::string meta = needed_devkit_file(a.root, "cars_meta.mat");
  set_names(a, read_mat_annotations(meta).class_names);
  if (a.class_names.empty()) refuse("'" + meta + "' has no variable 'class_names'", "take the file of the devkit");
  for (const auto& [folder, name] :
       {std::pair{"cars_train/", "cars_train_annos.mat"}, std::pair{"cars_test/", "cars_test_annos_withlabels.mat"}}) {
    const std::string path = needed_devkit_file(a.root, name);
    add_records(a, read_labelled(path).records, folder, path);
  }
  a.picture_folders = {"cars_train", "cars_test"};
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
  const std::string below = is_folder(a.root + "/car_data/car_data") ? "car_data/car_data/" : "car_data/";
  for (const char* part : {"train", "test"}) {
    add_csv(a, below + part + "/", a.root + "/anno_" + part + ".csv");
    a.picture_folders.push_back(below + part);
  }
}

}  // namespace

CarsLayout find_cars(const std::string& root) {
  if (is_file(root + "/cars_annos.mat") || is_folder(root + "/car_ims")) return CarsLayout::A;
  const bool train = is_folder(root + "/cars_train"), test = is_folder(root + "/cars_test");
  if ((train && test) || ((train || test) && is_folder(root + "/devkit"))) return CarsLayout::B;
  if (is_file(root + "/names.csv") && (is_file(root + "/anno_train.csv") || is_file(root + "/anno_test.csv")))
    return CarsLayout::C;
  return CarsLayout::None;
}

Annotations read_cars(const std::string& root, CarsLayout layout) {
  Annotations a{.layout = kCars.name, .source = root, .root = root, .known = &kCars};
  if (layout == CarsLayout::A) read_a(a);
  if (layout == CarsLayout::B) read_b(a);
  if (layout == CarsLayout::C) read_c(a);
  check_listed_once(a);
  return a;
}

}  // namespace fledge
