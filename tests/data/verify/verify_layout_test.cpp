// What `data verify` says of whole data sets.
#include <catch2/catch.hpp>

#include "data/dataset.h"
#include "data/verify/verify_layout.h"
#include "tests/support/files.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;

namespace {

struct Copy {
  TempFolder folder;
  explicit Copy(const std::string& below) {
    std::filesystem::copy(std::string(FLEDGE_SOURCE_DIR) + "/tests/data/layouts/" + below, folder / "set",
                          std::filesystem::copy_options::recursive);
  }
  std::string root() const { return folder / "set"; }
  std::string operator/(const std::string& file) const { return folder / ("set/" + file); }
  DatasetReport report(const std::string& part = "", bool partial = false) const {
    DatasetReport r = verify(*open_dataset({root() + part, ""}), 1);
    check_layout(root() + part, partial, r);
    return r;
  }
};

/// The remark of a kind, which must be there once.
Remark only(const DatasetReport& r, const std::string& kind) {
  std::vector<Remark> found;
  for (const Remark& m : r.remarks)
    if (m.kind == kind) found.push_back(m);
  INFO(kind);
  REQUIRE(found.size() == 1);
  CHECK_FALSE(found[0].mend.empty());
  return found[0];
}

bool has(const DatasetReport& r, const std::string& kind) {
  return std::any_of(r.remarks.begin(), r.remarks.end(), [&](const Remark& m) { return m.kind == kind; });
}

}  // namespace

TEST_CASE("verify: a smaller data set than the published one is a fault, unless a part is meant", "[verify]") {
  const Copy cub("cub/CUB_200_2011");
  const DatasetReport r = cub.report(":train");
  CHECK(r.layout == "CUB-200-2011");
  CHECK(r.published_images == 5864);
  CHECK(r.published_classes == 100);
  CHECK(only(r, "incomplete").fault);
  CHECK_THAT(only(r, "incomplete").problem, Contains("12 of 5,864 images, 3 of 100 classes"));
  CHECK_THAT(only(r, "incomplete").mend, Contains("--partial"));
  CHECK(r.boxes.boxes == 12);
  CHECK_FALSE(r.good());
  const DatasetReport partial = cub.report(":train", true);
  CHECK_FALSE(only(partial, "incomplete").fault);
  CHECK(partial.good());
  CHECK_THAT(only(cub.report(":test"), "incomplete").problem, Contains("12 of 5,924 images"));
  CHECK_THAT(only(cub.report(), "incomplete").problem, Contains("24 of 11,788 images, 6 of 200 classes"));
  CHECK_THAT(only(Copy("cars_b").report(":train"), "incomplete").problem,
             Contains("12 of 8,054 images, 3 of 98 classes"));
  CHECK_THAT(only(Copy("cars_c").report(":test"), "incomplete").problem, Contains("12 of 8,131 images"));
  const Copy products("products/Stanford_Online_Products");
  CHECK_THAT(only(products.report(":train"), "incomplete").problem,
             Contains("12 of 59,551 images, 4 of 11,318 classes"));
  CHECK_THAT(only(products.report(":test"), "incomplete").problem,
             Contains("12 of 60,502 images, 4 of 11,316 classes"));
}

TEST_CASE("verify: pictures that are missing, damaged, or in no annotation", "[verify]") {
  const Copy cars("cars_a");
  std::filesystem::remove(cars / "car_ims/000002.jpg");
  std::filesystem::remove(cars / "car_ims/000005.jpg");  // class 173: of the test part
  spill(cars / "car_ims/000003.jpg", std::string());
  spill(cars / "car_ims/deeper/000099.jpg", std::string("x"));
  spill(cars / "car_ims/notes.txt", std::string("x"));
  const DatasetReport r = cars.report(":train", true);
  CHECK(r.missing == std::vector<std::string>{"car_ims/000002.jpg"});
  CHECK(only(r, "missing").fault);
  CHECK_THAT(only(r, "missing").problem, Contains("1 picture is listed and not on disk ('car_ims/000002.jpg')"));
  REQUIRE(r.unreadable.size() == 1);  // the missing one is told of once
  CHECK(r.unreadable[0].name == "car_ims/000003.jpg");
  CHECK(r.unlisted == std::vector<std::string>{"car_ims/deeper/000099.jpg"});
  CHECK_FALSE(only(r, "unlisted").fault);
  CHECK_THAT(only(r, "incomplete").problem, Contains("11 of 8,054"));
  CHECK_FALSE(r.good());
  CHECK(cars.report("", true).missing.size() == 2);
}

TEST_CASE("verify: boxes beyond their pictures", "[verify]") {
  const Copy list("list");
  spill(list / "boxes.csv", std::string("path,label,x,y,width,height\n"
                                        "pictures/00.jpg,a,0,0,5,5\npictures/01.jpg,a,-2,0,5,5\n"
                                        "pictures/02.jpg,b,0,0,500,5\npictures/03.jpg,b,,,,\n"));
  const std::string source = list / "boxes.csv";
  DatasetReport r = verify(*open_dataset({source, ""}), 0);
  CHECK(r.boxes.boxes == 3);
  CHECK(r.boxes.reaching_out == std::vector<std::string>{"pictures/01.jpg", "pictures/02.jpg"});
  CHECK_FALSE(only(r, "box").fault);
  CHECK(r.good());
  check_layout(source, false, r);
  CHECK(r.layout == "list");
  CHECK(r.unlisted.size() == 16);
  CHECK_FALSE(has(r, "incomplete"));
  CHECK(r.good());
  spill(list / "boxes.csv", std::string("path,label,x,y,width,height\npictures/00.jpg,a,900,0,5,5\n"));
  r = verify(*open_dataset({source, ""}), 0);
  CHECK(r.boxes.outside == std::vector<std::string>{"pictures/00.jpg"});
  CHECK(only(r, "box").fault);
  CHECK_FALSE(r.good());
}

TEST_CASE("verify: MD5 of archives and annotation files, in the root and beside it", "[verify]") {
  const TempFolder folder;
  spill(folder / "empty", std::string());
  spill(folder / "text", std::string("message digest"));
  spill(folder / "long", std::string(3 << 20, 'a'));
  CHECK(md5_of_file(folder / "empty") == "d41d8cd98f00b204e9800998ecf8427e");  // RFC 1321, A.5
  CHECK(md5_of_file(folder / "text") == "f96b697d7cb7938d525a2f31aaf161d0");
  CHECK(md5_of_file(folder / "long") == "6a11a8872b36343799a15617bea78cef");
  CHECK_THAT(error_of([&] { md5_of_file(folder / "none"); }), Contains("none"));

  const Copy cars("cars_a");
  const DatasetReport strict = cars.report();
  REQUIRE(strict.sums.size() == 1);
  CHECK(strict.sums[0].published == "b407c6086d669747186bd1d764ff9dbc");
  CHECK(only(strict, "checksum").fault);
  CHECK_FALSE(only(cars.report("", true), "checksum").fault);
  CHECK(cars.report("", true).good());
  spill(cars.folder / "car_ims.tgz", std::string("cut short"));
  const DatasetReport archive = cars.report("", true);
  CHECK(archive.sums.size() == 2);
  CHECK_FALSE(archive.good());  // a damaged download is no smaller data set
}

TEST_CASE("verify: classes that are in both parts are remarked on", "[verify]") {
  const Copy split("split");
  CHECK(split.report(":train").remarks.empty());
  std::filesystem::copy(split / "train/001.Bird", split / "test/001.Bird");
  for (const std::string part : {":train", ":all"}) {
    const DatasetReport r = split.report(part);
    CHECK_FALSE(only(r, "shared-classes").fault);
    CHECK_THAT(only(r, "shared-classes").problem,
               Contains("1 class is in the training and in the test part ('001.Bird')"));
  }
  const Copy list("list");
  DatasetReport r;
  check_layout(list / "list.csv", false, r);
  CHECK(r.remarks.empty());
  spill(list / "l.csv", std::string("path,label,split\npictures/00.jpg,a,train\npictures/01.jpg,a,test\n"));
  check_layout(list / "l.csv", false, r);
  CHECK(only(r, "shared-classes").problem.find("'a'") != std::string::npos);
}
