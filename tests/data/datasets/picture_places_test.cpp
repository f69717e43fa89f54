// The known sets as people unpack and copy them: doubled folders, annotations of one form beside pictures of another.
#include <catch2/catch.hpp>

#include "data/dataset.h"
#include "tests/data/datasets/picture_folder.h"
#include "tests/support/files.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;

namespace {

namespace fs = std::filesystem;

/// A copy of a tree whose folders a test may move.
struct Movable {
  TempFolder folder;
  explicit Movable(const std::string& below) { fs::copy(tree(below), folder.path(), fs::copy_options::recursive); }
  void move(const std::string& from, const std::string& to) const {
    fs::create_directories(fs::path(folder / to).parent_path());
    fs::rename(folder / from, folder / to);
  }
  void twice(const std::string& name) const {
    move(name, "moved");
    move("moved", name + "/" + fs::path(name).filename().string());
  }
  std::shared_ptr<Dataset> open(const std::string& part = "") const { return open_dataset({folder.path() + part, ""}); }
  std::string error() const {
    ErrorKind kind = ErrorKind::Internal;
    const std::string text = error_of([&] { open(); }, &kind);
    CHECK(kind == ErrorKind::BadInput);
    return text;
  }
};

/// The same labels, boxes and pixels in the same order, whatever the files' names.
void check_same(const Dataset& a, const Dataset& b) {
  CHECK(a.class_names() == b.class_names());
  REQUIRE(a.size() == b.size());
  for (std::int64_t i = 0; i < a.size(); ++i) {
    INFO(a.name(i) << " and " << b.name(i));
    CHECK(a.label(i) == b.label(i));
    CHECK(a.image(i).rgb == b.image(i).rgb);
    const auto x = a.box(i), y = b.box(i);
    CHECK((x ? x->left : -1) == (y ? y->left : -1));
  }
}

}  // namespace

TEST_CASE("Cars-196: doubled folders, and all of it one or two folders deeper", "[layouts]") {
  for (const auto& [form, folders] : {std::pair<std::string, std::vector<std::string>>{"cars_a", {"car_ims"}},
                                      {"cars_b", {"cars_train", "cars_test", "devkit"}},
                                      {"cars_c", {"car_data/car_data/train", "car_data/car_data/test"}}}) {
    INFO(form);
    const Movable c(form);
    for (const std::string& folder : folders) c.twice(folder);
    check_same(*c.open(":test"), *open_dataset({tree(form) + ":test", ""}));
    const TempFolder deeper;
    fs::create_directories(deeper / "archive/stanford_cars");
    fs::copy(c.folder.path(), deeper / "archive/stanford_cars", fs::copy_options::recursive);
    check_same(*open_dataset({deeper.path() + ":train", ""}), *open_dataset({tree(form) + ":train", ""}));
  }
  const Movable plain("cars_c");
  plain.move("car_data/car_data", "other");
  plain.move("other", "car_data");
  CHECK(plain.open()->name(0) == "car_data/train/Maker Model 196 2012/00001.jpg");
}

TEST_CASE("Cars-196: the layout is told from what is there", "[layouts]") {
  const Movable c("cars_b");
  fs::copy(tree("cars_a/cars_annos.mat"), c.folder / "cars_annos.mat");
  check_same(*c.open(), *open_dataset({tree("cars_b"), ""}));  // the devkit belongs to these folders
  fs::copy(tree("cars_a/car_ims"), c.folder / "car_ims");
  CHECK(c.open()->name(0) == "car_ims/000001.jpg");  // a whole form A
  fs::remove(c.folder / "cars_annos.mat");
  CHECK(c.open()->name(0) == "cars_train/00001.jpg");

  const Movable flat("cars_a");  // pictures beside their list
  for (const auto& entry : fs::directory_iterator(flat.folder / "car_ims"))
    fs::rename(entry.path(), flat.folder / entry.path().filename().string());
  fs::remove(flat.folder / "car_ims");
  check_same(*flat.open(), *open_dataset({tree("cars_a"), ""}));
  for (const auto& entry : fs::directory_iterator(flat.folder.path()))
    if (entry.path().extension() == ".jpg") fs::remove(entry.path());
  CHECK_THAT(flat.error(), Contains("none of its 24 pictures is there; looked for 'car_ims/000001.jpg', "
                                    "'car_ims/car_ims/000001.jpg'"));
}

TEST_CASE("Cars-196: folders of form B with the list of form A are taken by order, or refused", "[layouts]") {
  const std::string shared = shared_folder("cases/d_cars") + "/";
  if (shared == "/") {
    WARN("skipped: no shared cases (set FLEDGE_SHARED)");
    return;
  }
  const auto ordered = open_dataset({shared + "kaggle_nested", ""}), original = open_dataset({shared + "original", ""});
  check_same(*ordered, *original);
  CHECK(ordered->name(0) == "cars_train/cars_train/00001.jpg");
  CHECK_THAT(ordered->description(), Contains("24 images, 6 classes; cars_train and cars_test taken for the order of"));
  const TempFolder folder;
  fs::copy(shared + "kaggle_nested", folder.path(), fs::copy_options::recursive);
  const std::string file = folder / "cars_train/cars_train/00003.jpg";
  const auto refused = [&] { return error_of([&] { open_dataset({folder.path(), ""}); }); };
  fs::permissions(fs::path(file).parent_path(), fs::perms::owner_all);
  fs::remove(file);
  CHECK_THAT(refused(), Contains("not in its order: it lists 24 pictures, they hold 23") && Contains("add the devkit"));
  write_png(file, pattern(20, 40));  // the original folders are of another order, which the boxes show
  CHECK_THAT(refused(), Contains("the box of 'cars_train/cars_train/00003.jpg' would reach beyond the picture"));
}

TEST_CASE("CUB-200-2011: doubled folders, pictures beside their annotations", "[layouts]") {
  const auto original = open_dataset({tree("cub"), ""});
  {
    const Movable c("cub");
    c.twice("CUB_200_2011");
    check_same(*c.open(), *original);
    c.twice("CUB_200_2011/CUB_200_2011/images");
    check_same(*c.open(), *original);
  }
  const Movable beside("cub");
  beside.move("CUB_200_2011/images", "images");
  check_same(*beside.open(), *original);
  check_same(*open_dataset({beside.folder / "CUB_200_2011", ""}), *original);
  CHECK(beside.open()->name(0) == original->name(0));
  fs::remove_all(beside.folder / "images");
  CHECK_THAT(beside.error(), Contains("none of its 24 pictures is there; looked for 'images/001.Bird_001/"));
}

TEST_CASE("Stanford Online Products: doubled folders", "[layouts]") {
  const auto original = open_dataset({tree("products"), ""});
  const Movable c("products");
  c.twice("Stanford_Online_Products");
  check_same(*c.open(), *original);
  for (const auto& entry : fs::directory_iterator(tree("products/Stanford_Online_Products")))
    if (entry.is_directory())
      c.twice("Stanford_Online_Products/Stanford_Online_Products/" + entry.path().filename().string());
  check_same(*c.open(":test"), *open_dataset({tree("products:test"), ""}));
}
