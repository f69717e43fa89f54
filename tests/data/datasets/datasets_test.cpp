#include <zlib.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <thread>

#include "data/dataset.h"
#include "data/datasets/folder.h"
#include "data/datasets/idx.h"
#include "data/subset.h"
#include "data/verify/verify.h"
#include "tests/support/files.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;

namespace {

std::string open_error(const std::string& source, const std::string& classes = "",
                       ErrorKind wanted = ErrorKind::BadInput) {
  ErrorKind kind = ErrorKind::Internal;
  const std::string text = error_of([&] { open_dataset({source, classes}); }, &kind);
  CHECK(kind == wanted);
  return text;
}

void picture(const std::string& path, int width, int height) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  write_png(path, pattern(width, height));
}

Bytes idx(std::uint8_t rank, std::vector<std::uint32_t> dims, const Bytes& payload) {
  Bytes b = {0, 0, 8, rank};
  for (const std::uint32_t d : dims)
    for (int s = 24; s >= 0; s -= 8) b.push_back(static_cast<std::uint8_t>(d >> s));
  b.insert(b.end(), payload.begin(), payload.end());
  return b;
}

void spill_gz(const std::string& path, const Bytes& bytes) {
  gzFile f = gzopen(path.c_str(), "wb");
  gzwrite(f, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(f);
}

}  // namespace

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

TEST_CASE("class selection and its errors") {
  CHECK(parse_class_ranks("0-2,5", 6) == std::vector<std::int64_t>{0, 1, 2, 5});
  const auto error = [](const std::string& text) { return error_of([&] { parse_class_ranks(text, 4); }); };
  CHECK_THAT(error("4"), Contains("rank 4 is too large, the data set has 4 classes (0 to 3)"));
  CHECK_THAT(error("99999999999999999999999"), Contains("too large"));
  CHECK_THAT(error("2-1"), Contains("runs backwards"));
  CHECK_THAT(error("1,1"), Contains("rank 1 is there twice"));
  CHECK_THAT(error("1,"), Contains("a number is missing at position 3"));
  CHECK_THAT(error("1x"), Contains("unexpected 'x' at position 2"));

  const TempFolder root;
  for (const char* name : {"a", "b", "c", "d"})
    for (const char* file : {"1", "2"}) picture(root / (std::string(name) + "/" + file + ".png"), 3, 3);
  const auto d = open_dataset({root.path(), "2,0"});
  CHECK(d->class_names() == std::vector<std::string>{"c", "a"});
  CHECK(d->size() == 4);
  CHECK(d->name(0) == "a/1.png");
  CHECK(d->label(0) == 1);
  CHECK_THAT(d->description(), Contains("of these 4 images, 2 classes"));
  CHECK_THAT(error_of([&] { select_classes(d, {0, 0}); }), Contains("there twice"));

  const auto all = open_dataset({root.path(), ""});
  const auto [rest, held] = split_classes(all, 0.3, 5);
  CHECK(rest->classes() == 3);
  CHECK(held->classes() == 1);
  std::set<std::string> names(rest->class_names().begin(), rest->class_names().end());
  names.insert(held->class_names().begin(), held->class_names().end());
  CHECK(names.size() == 4);
  CHECK(split_classes(all, 0.3, 5).second->class_names() == held->class_names());
  CHECK(split_classes(all, 0.01, 5).second->classes() == 1);
  CHECK_THAT(error_of([&] { split_classes(all, 1.0, 5); }), Contains("cannot split 4 classes"));
}

TEST_CASE("idx: plain and gzip, both parts, and damaged files") {
  const TempFolder root;
  const Bytes pixels = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  spill(root / "train-images-idx3-ubyte", idx(3, {2, 2, 3}, pixels));
  spill_gz(root / "train-labels-idx1-ubyte.gz", idx(1, {2}, {1, 0}));
  spill_gz(root / "t10k-images-idx3-ubyte.gz", idx(3, {1, 2, 3}, {20, 21, 22, 23, 24, 25}));
  spill(root / "t10k-labels-idx1-ubyte", idx(1, {1}, {2}));
  const auto d = open_dataset({root.path(), ""});
  REQUIRE(d->size() == 3);
  CHECK(d->class_names() == std::vector<std::string>{"0", "1", "2"});
  CHECK(d->label(0) == 1);
  CHECK(d->name(1) == "train/00001");
  CHECK(d->name(2) == "test/00000");
  CHECK(d->image(1).width == 3);
  CHECK(d->image(1).rgb[4] == 8);
  CHECK(d->image(2).rgb[17] == 25);
  CHECK(open_dataset({root.path() + ":test", ""})->size() == 1);
  CHECK(open_idx(root.path(), SplitPart::Train)->size() == 2);

  const auto broken = [&](const std::string& name, const Bytes& bytes) {
    const Bytes old = slurp(root / name);
    spill(root / name, bytes);
    const std::string text = open_error(root.path());
    spill(root / name, old);
    return text;
  };
  CHECK_THAT(broken("train-images-idx3-ubyte", idx(3, {2, 2, 3}, {1, 2})), Contains("it is truncated"));
  CHECK_THAT(broken("train-images-idx3-ubyte", idx(3, {2, 2, 3}, Bytes(13, 0))), Contains("more than its header says"));
  CHECK_THAT(broken("train-images-idx3-ubyte", idx(1, {2, 2, 3}, pixels)),
             Contains("starts with 2049 instead of 2051"));
  CHECK_THAT(broken("train-images-idx3-ubyte", idx(3, {4294967295u, 4096, 4096}, pixels)),
             Contains("impossible sizes"));
  CHECK_THAT(broken("t10k-labels-idx1-ubyte", idx(1, {2}, {2, 2})), Contains("2 labels for 1 images"));
  CHECK_THAT(broken("t10k-labels-idx1-ubyte", {}), Contains("truncated"));
  Bytes gz = slurp(root / "t10k-images-idx3-ubyte.gz");
  gz[gz.size() - 6] ^= 0xff;
  CHECK_THAT(broken("t10k-images-idx3-ubyte.gz", gz), Contains("corrupt"));
  std::filesystem::remove(root / "t10k-labels-idx1-ubyte");
  CHECK_THAT(open_error(root.path()),
             Contains("lacks the IDX file t10k-labels-idx1-ubyte (or t10k-labels-idx1-ubyte.gz)"));
  CHECK_THAT(error_of([&] { open_idx(root / "no", SplitPart::All); }), Contains("does not exist"));
}

TEST_CASE("Fashion-MNIST as the distribution installs it") {
  if (!std::filesystem::exists("/usr/share/datasets/fashion-mnist")) {
    WARN("skipped: dataset-fashion-mnist is not installed");
    return;
  }
  const auto d = open_dataset({"fashion-mnist:test", "5-9"});
  CHECK(d->size() == 5000);
  CHECK(d->classes() == 5);
  CHECK(d->class_names()[0] == "5");
  const Image image = d->image(0);
  CHECK(image.width == 28);
  CHECK(image.height == 28);
}

TEST_CASE("cache: each picture is decoded once while it fits, by many threads") {
  class Counting : public Dataset {
   public:
    std::int64_t size() const override { return 20; }
    std::int64_t label(std::int64_t) const override { return 0; }
    std::string name(std::int64_t) const override { return "x"; }
    Image image(std::int64_t i) const override {
      ++decoded;
      return pattern(10 + static_cast<int>(i), 10);
    }
    const std::vector<std::string>& class_names() const override { return names; }
    std::string description() const override { return "counting"; }
    std::vector<std::string> names = {"a"};
    mutable std::atomic<int> decoded{0};
  };
  auto base = std::make_shared<Counting>();
  const auto big = cache_images(base, 1 << 20);
  for (int round = 0; round < 3; ++round)
    for (int i = 0; i < 20; ++i) CHECK(big->image(i).rgb == pattern(10 + i, 10).rgb);
  CHECK(base->decoded == 20);
  base->decoded = 0;
  const auto small = cache_images(base, 800);  // room for two
  for (int round = 0; round < 2; ++round)
    for (int i = 0; i < 20; ++i) small->image(i);
  CHECK(base->decoded == 38);
  const auto shared = cache_images(base, 1 << 20);
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 400; ++i) wrong += shared->image(i % 20).width != 10 + i % 20;
    });
  for (auto& t : threads) t.join();
  CHECK(wrong == 0);
}

TEST_CASE("verify finds unreadable and doubled pictures, for any number of workers") {
  const TempFolder root;
  picture(root / "a/1.png", 9, 6);
  picture(root / "a/2.png", 9, 6);  // the same pixels
  picture(root / "b/1.png", 9, 6);  // and once more, in another class
  picture(root / "b/2.png", 5, 8);
  picture(root / "c/1.png", 7, 7);
  picture(root / "d/1.png", 20, 30);
  spill(root / "d/2.jpg", std::string());
  Bytes cut = slurp(root / "d/1.png");
  cut.resize(cut.size() / 2);
  spill(root / "d/3.png", cut);
  const auto d = open_dataset({root.path(), ""});
  for (const int workers : {0, 1, 3}) {
    std::int64_t last = 0;
    const DatasetReport r = verify(*d, workers, [&](std::int64_t done, std::int64_t total) {
      CHECK(done == last + 1);
      CHECK(total == 8);
      last = done;
    });
    CHECK(last == 8);
    CHECK(r.images == 8);
    CHECK(r.classes == 4);
    CHECK(r.images_per_class.min == 1);
    CHECK(r.images_per_class.median == 2);
    CHECK(r.images_per_class.max == 3);
    CHECK(r.single_image_classes == std::vector<std::string>{"c"});
    REQUIRE(r.unreadable.size() == 2);
    CHECK(r.unreadable[0].name == "d/2.jpg");
    CHECK_THAT(r.unreadable[0].reason, Contains("0 bytes"));
    CHECK_THAT(r.unreadable[1].reason, Contains("truncated"));
    REQUIRE(r.duplicates.size() == 1);
    CHECK(r.duplicates[0].names == std::vector<std::string>{"a/1.png", "a/2.png", "b/1.png"});
    CHECK(r.duplicates[0].across_classes);
    CHECK(r.width.max == 20);
    CHECK(r.short_side.min == 5);
    CHECK_FALSE(r.good());
  }
  const DatasetReport counts = count_classes(*d);
  CHECK_FALSE(counts.decoded);
  CHECK(counts.images == 8);
}

TEST_CASE("the shared pictures open and decode") {
  const std::string cars = shared_folder("data/cars196/train");
  if (cars.empty()) {
    WARN("skipped: no shared data (set FLEDGE_SHARED)");
    return;
  }
  const auto d = open_dataset({cars, ""});
  CHECK(d->classes() == 98);
  const Image image = d->image(0);
  CHECK(std::min(image.width, image.height) == 144);
}
