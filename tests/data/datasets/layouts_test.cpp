// Small trees in the exact form of the known data sets (layouts/make_layouts.py): labels, names, boxes, parts.
#include <catch2/catch.hpp>
#include <set>

#include "data/dataset.h"
#include "data/datasets/layouts.h"
#include "data/pack/pack.h"
#include "tests/data/datasets/picture_folder.h"
#include "tests/support/files.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;

namespace {

using Names = std::vector<std::string>;
using Counts = std::vector<std::size_t>;

std::shared_ptr<Dataset> open(const std::string& source) { return open_dataset({source, ""}); }

/// A copy of a tree that a test may damage.
struct Copy {
  TempFolder folder;
  explicit Copy(const std::string& below) {
    std::filesystem::copy(tree(below), folder.path(), std::filesystem::copy_options::recursive);
  }
  std::string root() const { return folder.path(); }
  void write(const std::string& file, const std::string& text) const { spill(folder / file, text); }
  /// Changes the first `from` in a text file.
  void edit(const std::string& file, const std::string& from, const std::string& to) const {
    const Bytes bytes = slurp(folder / file);
    std::string text(bytes.begin(), bytes.end());
    const auto at = text.find(from);
    REQUIRE(at != std::string::npos);
    spill(folder / file, text.replace(at, from.size(), to));
  }
  std::string error(const std::string& part = "", ErrorKind wanted = ErrorKind::BadInput) const {
    ErrorKind kind = ErrorKind::Internal;
    const std::string text = error_of([&] { open(root() + part); }, &kind);
    CHECK(kind == wanted);
    return text;
  }
};

Counts class_sizes(const Dataset& d) {
  Counts sizes;
  for (const auto& group : d.by_class()) sizes.push_back(group.size());
  return sizes;
}

/// Every picture decodes, and its box lies inside.
void check_pictures(const Dataset& d, bool boxed) {
  std::set<std::string> names;
  for (std::int64_t i = 0; i < d.size(); ++i) {
    INFO(d.name(i));
    CHECK(names.insert(d.name(i)).second);
    const Image image = d.image(i);
    const auto box = d.box(i);
    CHECK(box.has_value() == boxed);
    if (!box) continue;
    CHECK((box->left >= 0 && box->top >= 0 && box->width > 0 && box->height > 0));
    CHECK((box->left + box->width <= image.width && box->top + box->height <= image.height));
  }
}

bool same_box(const std::optional<PixelBox>& box, int left, int top, int width, int height) {
  return box && box->left == left && box->top == top && box->width == width && box->height == height;
}

bool gray(const Image& image) {
  for (std::size_t i = 0; i < image.rgb.size(); i += 3)
    if (image.rgb[i] != image.rgb[i + 1] || image.rgb[i] != image.rgb[i + 2]) return false;
  return true;
}

}  // namespace

TEST_CASE("CUB-200-2011: split by class id, boxes, from its folder or the one above", "[layouts]") {
  const auto train = open(tree("cub/CUB_200_2011:train"));
  CHECK(train->class_names() == Names{"001.Bird_001", "002.Bird_002", "100.Bird_100"});
  CHECK(class_sizes(*train) == Counts{4, 4, 4});
  CHECK(train->name(0) == "images/001.Bird_001/Bird_0001_796101.jpg");
  CHECK(same_box(train->box(0), 2, 3, 12, 15));  // 2.0 3.0 12.0 15.0
  CHECK(train->super_class(0) == -1);
  CHECK(gray(train->image(6)));
  CHECK_FALSE(gray(train->image(5)));
  check_pictures(*train, true);

  const auto test = open(tree("cub:test"));
  CHECK(test->class_names() == Names{"101.Bird_101", "102.Bird_102", "200.Bird_200"});
  CHECK(test->label(11) == 2);
  check_pictures(*test, true);
  const auto all = open(tree("cub/CUB_200_2011/"));
  CHECK(all->size() == 24);
  CHECK(all->classes() == 6);
  CHECK(open(tree("cub:all"))->size() == 24);
  CHECK_THAT(test->description(), Contains("CUB-200-2011") && Contains(":test: 12 images, 3 classes"));
}

TEST_CASE("CUB-200-2011: annotations that do not belong together are refused by line", "[layouts]") {
  const auto fresh = [] { return Copy("cub/CUB_200_2011"); };
  {
    const Copy c = fresh();
    c.edit("image_class_labels.txt", "3 1\n", "3 201\n");
    CHECK_THAT(c.error(), Contains("image_class_labels.txt:3: class 201 is not in classes.txt"));
  }
  {
    const Copy c = fresh();
    c.edit("image_class_labels.txt", "3 1\n", "3 2\n");
    CHECK_THAT(c.error(),
               Contains("images.txt:3") && Contains("does not lie in the folder of its class, '002.Bird_002'"));
  }
  {
    const Copy c = fresh();
    c.edit("image_class_labels.txt", "3 1\n", "\n");
    CHECK_THAT(c.error(), Contains("images.txt:3: image_class_labels.txt has no line for image 3"));
  }
  {
    const Copy c = fresh();
    c.edit("images.txt", "\n2 ", "\n1 ");
    CHECK_THAT(c.error(), Contains("images.txt:2: id 1 is there before, in line 1"));
  }
  {
    const Copy c = fresh();
    c.edit("images.txt", "001.Bird_001/Bird_0001_796101.jpg", "001.Bird_001/../../../../etc/x.jpg");
    CHECK_THAT(c.error(), Contains("images.txt:1") && Contains("leads out of the data set"));
  }
  for (const auto& [from, to, problem] : {std::tuple{"1 2.0 3.0", "1 2.0 nan", "y 'nan' is no number"},
                                          {"1 2.0 3.0 ", "1 2.0 ", "4 fields instead of 5"},
                                          {"1 2.0 3.0", "1 2e9 3.0", "impossible number"},
                                          {"3.0 12.0 15.0", "3.0 0 15.0", "the box is empty"},
                                          {"1 2.0 3.0", "x 2.0 3.0", "the id 'x' is no whole number"}}) {
    const Copy c = fresh();
    c.edit("bounding_boxes.txt", from, to);
    CHECK_THAT(c.error(), Contains("bounding_boxes.txt:1: ") && Contains(problem));
  }
  {
    const Copy c = fresh();
    std::filesystem::remove(c.folder / "bounding_boxes.txt");
    CHECK_FALSE(open(c.root())->box(0).has_value());
    std::filesystem::remove(c.folder / "images/001.Bird_001/Bird_0001_796101.jpg");
    const auto d = open(c.root());  // opening does not look at pictures
    CHECK_THAT(error_of([&] { d->image(0); }), Contains("Bird_0001_796101.jpg"));
    std::filesystem::remove(c.folder / "classes.txt");
    CHECK_THAT(c.error(), Contains("classes.txt': it does not exist"));
  }
}

TEST_CASE("Cars-196: the three forms give the same classes, boxes and split", "[layouts]") {
  const Names first = {"001.Maker Model 196 2012", "097.Maker Model 100 2012", "098.Maker Model 99 2012"};
  const Names second = {"099.Maker Model 98 2012", "173.Ram C-V Cargo Van Minivan 2012", "196.Maker Model 1 2012"};
  for (const std::string root : {"cars_a", "cars_b", "cars_c"}) {
    INFO(root);
    const auto train = open(tree(root + ":train")), test = open(tree(root + ":test"));
    CHECK(train->class_names() == first);
    CHECK(test->class_names() == second);
    CHECK(std::is_sorted(first.begin(), first.end()));
    CHECK(class_sizes(*train) == Counts{4, 4, 4});
    CHECK(class_sizes(*test) == Counts{4, 4, 4});
    CHECK(open(tree(root))->size() == 24);
    check_pictures(*train, true);
    check_pictures(*test, true);
    CHECK_THAT(train->description(), Contains("Cars-196") && Contains(root + ":train: 12 images, 3 classes"));
  }
  const auto a = open(tree("cars_a"));
  CHECK(a->name(4) == "car_ims/000005.jpg");
  CHECK(a->label(4) == 4);  // class 173
  CHECK(gray(a->image(3)));
  const auto b = open(tree("cars_b:train")), c = open(tree("cars_c:train"));
  CHECK(b->name(0) == "cars_train/00001.jpg");
  CHECK(b->name(6) == "cars_test/00001.jpg");  // the same number, another picture
  CHECK(b->image(0).rgb != b->image(6).rgb);
  CHECK(c->name(0) == "car_data/car_data/train/Maker Model 196 2012/00001.jpg");
  CHECK(open(tree("cars_c:test"))->name(2) == "car_data/car_data/train/Ram C-V Cargo Van Minivan 2012/00009.jpg");
  for (std::int64_t i = 0; i < 12; ++i) {
    const auto x = b->box(i), y = c->box(i);
    CHECK(same_box(x, y->left, y->top, y->width, y->height));
    CHECK(b->image(i).rgb == c->image(i).rgb);
    CHECK(b->label(i) == c->label(i));
  }
}

TEST_CASE("Cars-196: what is missing is named", "[layouts]") {
  {
    const Copy c("cars_a");
    std::filesystem::remove(c.folder / "cars_annos.mat");
    CHECK_THAT(c.error(), Contains("cars_annos.mat': it does not exist"));
  }
  {
    const Copy c("cars_b");
    std::filesystem::rename(c.folder / "devkit/cars_test_annos_withlabels.mat",
                            c.folder / "cars_test_annos_withlabels.mat");
    CHECK(open(c.root())->size() == 24);  // beside the devkit will do
    std::filesystem::remove(c.folder / "cars_test_annos_withlabels.mat");
    CHECK_THAT(c.error(":train"),
               Contains("lacks cars_test_annos_withlabels.mat (cars_test_annos.mat is there, but tells "
                        "no classes)") &&
                   Contains("/devkit"));
    std::filesystem::copy(c.folder / "devkit/cars_test_annos.mat", c.folder / "devkit/cars_test_annos_withlabels.mat");
    CHECK_THAT(c.error(), Contains("has no field 'class'"));
    std::filesystem::remove(c.folder / "devkit/cars_meta.mat");
    CHECK_THAT(c.error(), Contains("lacks cars_meta.mat"));
  }
  {
    const Copy c("cars_c");
    c.edit("anno_test.csv", ",99\r\n", ",197\r\n");
    CHECK_THAT(c.error(), Contains("anno_test.csv:7: class 197 is not in names.csv"));
    c.edit("anno_test.csv", ",197\r\n", "\r\n");
    CHECK_THAT(c.error(), Contains("anno_test.csv:7: it has 5 fields instead of 6"));
    std::filesystem::remove(c.folder / "anno_test.csv");
    CHECK_THAT(c.error(), Contains("anno_test.csv': it does not exist"));
  }
}

TEST_CASE("Stanford Online Products: parts by file, super-classes, upper-case names", "[layouts]") {
  const auto train = open(tree("products/Stanford_Online_Products:train")), test = open(tree("products:test"));
  CHECK(train->class_names() == Names{"00001", "00002", "00003", "11318"});
  CHECK(test->class_names() == Names{"11319", "11320", "11321", "22634"});
  CHECK(class_sizes(*test) == Counts{3, 3, 3, 3});
  CHECK(train->name(0) == "bicycle_final/111085000001_0.JPG");
  CHECK(train->super_class(0) == 0);
  CHECK(train->super_class(3) == 3);
  CHECK(test->super_class(11) == 9);
  check_pictures(*train, false);
  CHECK(open(tree("products"))->classes() == 8);

  const Copy c("products/Stanford_Online_Products");
  c.edit("Ebay_train.txt", "4 2 4", "4 2 13");
  CHECK_THAT(c.error(), Contains("Ebay_train.txt:5: super_class_id 13 is not 1 to 12"));
  c.edit("Ebay_train.txt", "4 2 13", "4 2 7");
  CHECK_THAT(c.error(), Contains("class '00002' lies in two super-classes"));
  c.edit("Ebay_train.txt", "4 2 7", "4 0 4");
  CHECK_THAT(c.error(), Contains("Ebay_train.txt:5: class_id 0 is out of range"));
  std::filesystem::remove(c.folder / "Ebay_train.txt");
  CHECK(open(c.root() + ":test")->size() == 12);
  CHECK_THAT(c.error(), Contains("Ebay_train.txt': it does not exist"));
  c.edit("Ebay_test.txt", "image_id class_id", "id class");
  CHECK_THAT(c.error(":test"), Contains("does not begin with 'image_id class_id super_class_id path'"));
}

TEST_CASE("the split folders of the paper's code: train and test, or both", "[layouts]") {
  const auto train = open(tree("split:train")), test = open(tree("split:test")), all = open(tree("split:all"));
  CHECK(train->class_names() == Names{"001.Bird", "002.Bird", "100.Bird"});
  CHECK(test->class_names() == Names{"101.Bird", "102.Bird"});
  CHECK(train->name(1) == "train/001.Bird/1.jpg");
  CHECK(class_sizes(*all) == Counts{4, 4, 4, 4, 4});
  CHECK(all->name(19) == "test/102.Bird/3.jpg");
  check_pictures(*all, false);
  CHECK(open(tree("split/train"))->class_names() == train->class_names());
  CHECK_THAT(train->description(), Contains("split:train: 12 images, 3 classes"));

  const Copy c("split");
  CHECK_THAT(c.error(), Contains("only further folders") && Contains(c.root() + ":train'"));
  std::filesystem::copy(c.folder / "train/001.Bird", c.folder / "test/001.Bird");
  const auto merged = open(c.root() + ":all");
  CHECK(class_sizes(*merged) == Counts{8, 4, 4, 4, 4});
  CHECK(merged->name(4) == "test/001.Bird/0.jpg");
  CHECK_THAT(error_of([&] { open(c.root() + "/train:test"); }), Contains("has no parts, so there is no :test in it"));
  spill(c.folder / "test/stray.png", std::string("x"));
  CHECK_THAT(c.error(":test"), Contains("/test' has pictures ('stray.png', ...) beside class folders"));
}

TEST_CASE("a pack opens by its path, with what its data set knew", "[layouts]") {
  const TempFolder folder;
  const auto d = open(tree("cars_a:test"));
  pack_dataset(*d, folder / "cars.pack", {});
  const auto packed = open(folder / "cars.pack");
  CHECK(packed->class_names() == d->class_names());
  REQUIRE(packed->size() == d->size());
  for (std::int64_t i = 0; i < d->size(); ++i) {
    CHECK(packed->label(i) == d->label(i));
    CHECK(packed->image(i).rgb == d->image(i).rgb);
    const auto box = d->box(i);
    CHECK(same_box(packed->box(i), box->left, box->top, box->width, box->height));
  }
  ErrorKind kind = ErrorKind::Internal;
  CHECK_THAT(error_of([&] { open(folder / "cars.pack:train"); }, &kind), Contains("a pack and has no parts"));
  CHECK(kind == ErrorKind::Usage);
}
