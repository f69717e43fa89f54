// Folders of pictures: which classes and pictures they give, what is left out, refused or explained.
#include <catch2/catch.hpp>
#include <filesystem>
#include <map>

#include "data/datasets/folder.h"
#include "tests/data/datasets/picture_folder.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;

TEST_CASE("folder: classes and pictures by sorted name, the rest left out and counted") {
  const TempFolder root;
  picture(root / "b/2.png", 5, 4);
  picture(root / "b/10.PNG", 6, 4);
  picture(root / "a/x.png", 7, 4);
  std::filesystem::create_directories(root / "empty");
  spill(root / "b/notes.txt", std::string("x"));
  spill(root / "b/.hidden.png", std::string("x"));
  spill(root / "LICENSE", std::string("x"));
  const auto d = open_dataset({root.path() + "/", ""});
  REQUIRE(d->size() == 3);
  CHECK(d->class_names() == std::vector<std::string>{"a", "b"});
  CHECK(d->name(0) == "a/x.png");
  CHECK(d->name(1) == "b/10.PNG");
  CHECK(d->name(2) == "b/2.png");
  CHECK(d->label(2) == 1);
  CHECK(d->image(2).width == 5);
  CHECK(d->by_class() == std::vector<std::vector<std::int64_t>>{{0}, {1, 2}});
  CHECK_THAT(d->description(),
             Contains("3 images, 2 classes, 1 folder without pictures left out ('empty'), 3 other files left out "
                      "('LICENSE', ...)"));
  spill(root / "a/x.png", std::string());
  CHECK_THAT(error_of([&] { d->image(0); }), Contains("a/x.png") && Contains("0 bytes"));
}

TEST_CASE("folder: pictures in folders below a class's belong to it, in torchvision's order") {
  const TempFolder root;
  for (const char* name :
       {"a/2.png", "a/more/1.png", "a/more-yet/1.png", "a/more/deep/0.png", "b/1.png", "c/sub/1.png"})
    picture(root / name, 4, 4);
  picture(root / "b/.thumbnails/1.png", 4, 4);
  std::filesystem::create_directories(root / "b/nothing");
  std::filesystem::create_directory_symlink(root / "a", root / "a/more/again");
  std::filesystem::create_directory_symlink("..", root / "b/up");
  const auto d = open_dataset({root.path(), ""});
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < d->size(); ++i) names.push_back(d->name(i));
  // sorted(os.walk(class)): folders by their paths, '-' before '/'.
  CHECK(names == std::vector<std::string>{"a/2.png", "a/more/1.png", "a/more-yet/1.png", "a/more/deep/0.png", "b/1.png",
                                          "c/sub/1.png"});
  CHECK(d->class_names() == std::vector<std::string>{"a", "b", "c"});
  CHECK_THAT(d->description(), Contains("6 images, 3 classes, 4 of the images in folders below their class's "
                                        "('a/more/1.png', ...), 1 hidden folder left out ('b/.thumbnails'), 2 links to "
                                        "folders that are looked at already left out ('a/more/again', ...)"));
}

TEST_CASE("folder: a class that is a link to another one is left out and counted") {
  const TempFolder root, elsewhere;
  picture(root / "b/1.png", 4, 4);
  picture(root / "c/1.png", 4, 4);
  picture(elsewhere / "1.png", 4, 4);
  std::filesystem::create_directory_symlink(root / "b", root / "a");   // sorted before the class itself
  std::filesystem::create_directory_symlink("../b", root / "c/more");  // another class's, below a class
  std::filesystem::create_directory_symlink(elsewhere.path(), root / "d");
  std::filesystem::create_directory_symlink(elsewhere.path(), root / "e");  // the same once more
  const auto d = open_dataset({root.path(), ""});
  CHECK(d->class_names() == std::vector<std::string>{"b", "c", "d"});
  CHECK(d->size() == 3);
  CHECK_THAT(d->description(), Contains("3 links to folders that are looked at already left out ('a', ...)"));
}

TEST_CASE("folder: a picture keeps one label, whatever links show it elsewhere") {
  const TempFolder root, elsewhere;
  namespace fs = std::filesystem;
  for (const char* name : {"a/1.png", "b/1.png", "b/sub/2.png", "c/1.png"}) picture(root / name, 4, 4);
  picture(elsewhere / "x/1.png", 4, 4);
  fs::create_symlink("../b/1.png", root / "a/link.png");           // a picture of another class
  fs::create_directory_symlink("../b/sub", root / "a/more");       // a folder below another class
  fs::create_directory_symlink(elsewhere.path(), root / "c/all");  // a folder of folders ...
  fs::create_directory_symlink(elsewhere / "x", root / "d");       // ... of which one is a class too
  fs::create_symlink("1.png", root / "c/again.png");               // within a class nothing is left out
  const auto d = open_dataset({root.path(), ""});
  CHECK(d->class_names() == std::vector<std::string>{"a", "b", "c"});
  std::map<std::int64_t, int> sizes;
  for (std::int64_t i = 0; i < d->size(); ++i) ++sizes[d->label(i)];
  CHECK(sizes == std::map<std::int64_t, int>{{0, 1}, {1, 2}, {2, 3}});
  CHECK_THAT(d->description(), Contains("3 links to pictures of other classes left out ('a/link.png', ...)"));
}

TEST_CASE("folder: a class that cannot be looked at is an error, not a file that is left out") {
  const TempFolder root;
  picture(root / "a/1.png", 4, 4);
  std::filesystem::create_symlink(std::string(300, 'x'), root / "b");  // no file system lets that be looked at
  CHECK_THAT(open_error(root.path(), "", ErrorKind::Resource),
             Contains("cannot look into data folder") && Contains("/b'") && Contains("too long"));
  std::filesystem::remove(root / "b");
  std::filesystem::create_symlink("nowhere", root / "b");  // what is not there is no class
  CHECK_THAT(open_dataset({root.path(), ""})->description(), Contains("1 other file left out ('b')"));
}

TEST_CASE("folder: class folders that are one number in two spellings are refused") {
  const TempFolder root;
  for (const char* name : {"1/1.png", "01/1.png", "2/1.png"}) picture(root / name, 4, 4);
  CHECK_THAT(open_error(root.path()), Contains("class folder '1' is the number of '01', written in another way"));
}

TEST_CASE("folder: doubled folders are looked through") {
  const TempFolder root;
  for (const char* part : {"train", "test"})
    for (const char* name : {"a/1.png", "b/1.png"})
      picture(root / ("cars/" + std::string(part) + "/" + part + "/" + name), 4, 4);
  const auto train = open_dataset({root / "cars:train", ""});
  CHECK(train->class_names() == std::vector<std::string>{"a", "b"});
  CHECK(train->name(0) == "train/train/a/1.png");
  CHECK(train->image(0).width == 4);
  CHECK(open_dataset({root / "cars:all", ""})->size() == 4);
  CHECK(open_dataset({root / "cars/test", ""})->class_names() == std::vector<std::string>{"a", "b"});
  std::filesystem::create_directories(root / "outer");
  std::filesystem::rename(root / "cars", root / "outer/outer");
  CHECK(open_dataset({root / "outer:test", ""})->size() == 2);
}

TEST_CASE("folder: a wrong layout is explained") {
  const TempFolder root;
  CHECK_THAT(open_error(root / "none"), Contains("none' does not exist"));
  CHECK_THAT(open_error("", "", ErrorKind::Usage), Contains("no data set is named"));
  CHECK_THAT(open_error(root.path()), Contains("is empty") && Contains("one folder a class"));
  spill(root / "README", std::string("x"));
  CHECK_THAT(open_error(root / "README"), Contains("is a file"));
  CHECK_THAT(open_error(root.path()), Contains("neither class folders nor pictures"));
  picture(root / "flat/1.png", 3, 3);
  CHECK_THAT(open_error(root / "flat"), Contains("has 1 pictures ('1.png', ...) but no class folders"));
  picture(root / "beside/1.png", 3, 3);
  picture(root / "beside/a/1.png", 3, 3);
  CHECK_THAT(open_error(root / "beside"), Contains("pictures ('1.png', ...) beside class folders ('a', ...)"));
  picture(root / "cars/train/a/1.png", 3, 3);
  picture(root / "cars/test/a/1.png", 3, 3);
  CHECK_THAT(open_error(root / "cars"), Contains("did you mean '" + root.path() + "/cars:train', '"));
  picture(root / "mixed/a/1.png", 3, 3);
  picture(root / "mixed/train/a/1.png", 3, 3);
  CHECK_THAT(open_error(root / "mixed"), Contains("mixes class folders with folders of folders ('train')"));
  std::filesystem::create_directories(root / "hollow/a");
  CHECK_THAT(open_error(root / "hollow"), Contains("no picture in any of them"));
  CHECK_THAT(open_error("fashion-mnist:tests", "", ErrorKind::Usage),
             Contains("unknown part") && Contains("fashion-mnist:test"));
}
