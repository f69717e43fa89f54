#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>

#include "data/pack/pack.h"
#include "data/pack/pack_index.h"
#include "data/views/transforms.h"
#include "tests/data/made_dataset.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;

namespace {

PackOptions packing(int short_side, int workers) {
  PackOptions o;
  o.short_side = short_side;
  o.workers = workers;
  return o;
}

/// Three classes, one of them of unlabelled pictures, boxes and super-classes.
std::shared_ptr<Dataset> sample() {
  const auto d = std::make_shared<Made>(std::vector<int>{3, 2, 4});
  d->super_classes = {1, 0, 1};
  d->boxes = {{0, {3, 4, 10, 12}}, {4, {-2, 5, 100, 100}}};
  return append_unlabeled(d, std::make_shared<Made>(std::vector<int>{2}));
}

/// "" when the pack opens and every picture can be read, else the message; its kind must be BadInput.
std::string reading(const std::string& path) {
  ErrorKind kind = ErrorKind::Internal;
  const std::string text = error_of(
      [&] {
        const auto pack = open_pack(path);
        for (std::int64_t i = 0; i < pack->size(); ++i) pack->image(i);
      },
      &kind);
  if (!text.empty()) CHECK(kind == ErrorKind::BadInput);
  return text;
}

/// A file as pack_dataset writes it, of any pixels and index.
Bytes assembled(std::size_t pixels, const std::string& index) {
  std::string text(kPackMagic);
  text += std::string(pixels, 'x') + index;
  for (std::uint64_t v : {std::uint64_t{index.size()}, pack_checksum(index.data(), index.size())})
    for (int i = 0; i < 8; ++i) text += static_cast<char>(v >> 8 * i);
  text += kPackEnd;
  return Bytes(text.begin(), text.end());
}

}  // namespace

TEST_CASE("a pack holds what the data set held: pictures byte for byte, names, labels, super-classes, boxes") {
  const TempFolder folder;
  const auto d = sample();
  for (const int short_side : {0, 15, 300}) {
    const std::string path = folder / "a.pack";
    pack_dataset(*d, path, packing(short_side, 2));
    CHECK(is_pack(path));
    const auto pack = open_pack(path);
    REQUIRE(pack->size() == d->size());
    CHECK(pack->class_names() == d->class_names());
    CHECK_THAT(pack->description(), Contains("pack " + path + ": 11 images, 3 classes"));
    for (std::int64_t i = 0; i < d->size(); ++i) {
      CHECK(pack->name(i) == d->name(i));
      CHECK(pack->label(i) == d->label(i));
      CHECK(pack->super_class(i) == d->super_class(i));
      CHECK(pack->box(i).has_value() == d->box(i).has_value());
      const Image wanted = short_side == 15 ? resize_short_side(d->image(i), 15) : d->image(i), got = pack->image(i);
      CHECK(got.width == wanted.width);
      CHECK(got.height == wanted.height);
      CHECK(got.rgb == wanted.rgb);
    }
  }
  const auto plain = open_pack(folder / "a.pack");
  CHECK(plain->box(0)->width == 10);
  const PixelBox cut = *plain->box(4);  // of 24 x 24 pixels
  CHECK((cut.left == 0 && cut.top == 5 && cut.width == 24 && cut.height == 19));
  pack_dataset(*d, folder / "small.pack", packing(15, 0));
  const PixelBox box = *open_pack(folder / "small.pack")->box(0);  // 20x24 became 15x18: all shrinks to three quarters
  CHECK((box.left == 2 && box.top == 3 && box.width == 8 && box.height == 9));  // 2.25 to 9.75, 3 to 12
}

TEST_CASE("the pack's bytes do not depend on the number of workers; progress counts up") {
  const TempFolder folder;
  const Made d({30, 30});
  std::vector<std::int64_t> seen;
  PackOptions o = packing(12, 0);
  o.progress = [&](std::int64_t done, std::int64_t total) {
    CHECK(total == 60);
    seen.push_back(done);
  };
  pack_dataset(d, folder / "0", o);
  CHECK(seen.size() == 60);
  CHECK(std::is_sorted(seen.begin(), seen.end()));
  for (const int workers : {1, 2, 5}) {
    pack_dataset(d, folder / "n", packing(12, workers));
    CHECK(slurp(folder / "n") == slurp(folder / "0"));
  }
}

TEST_CASE("names of any bytes come back") {
  const std::vector<std::string> names = {"a/100%.jpg", "\xc3\xa9t\xc3\xa9/\xe5\x9b\xbe.png", "latin\xe9%41.jpg",
                                          "tab\t\"quote\"\n\\", ""};
  PackIndex index{7, std::nullopt, names, {}};
  for (const std::string& name : names) index.pictures.push_back({name, 1, -1, 2, 3, ~0ull, std::nullopt});
  index.pictures[2].box = PixelBox{1, 2, 1, 1};
  const std::string text = write_pack_index(index);
  CHECK_THAT(text, Contains("\xe5\x9b\xbe.png"));  // UTF-8 stays readable
  const PackIndex back = read_pack_index(text, "p");
  CHECK(back.short_side == 7);
  CHECK(back.class_names == names);
  for (std::size_t i = 0; i < names.size(); ++i) CHECK(back.pictures[i].name == names[i]);
  CHECK(back.pictures[2].checksum == ~0ull);
  CHECK(back.pictures[2].box->top == 2);
}

TEST_CASE("a pack cut at any byte or with any bit flipped is refused") {
  const TempFolder folder;
  pack_dataset(Made({2, 1}), folder / "good", packing(4, 0));
  const Bytes good = slurp(folder / "good");
  REQUIRE(reading(folder / "good").empty());
  const std::string path = folder / "bad";
  for (std::size_t size = 0; size < good.size(); ++size) {
    spill(path, Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)));
    if (reading(path).empty()) FAIL("cut to " << size << " bytes it is read");
  }
  for (std::size_t at = 0; at < good.size(); ++at) {
    Bytes bytes = good;
    bytes[at] ^= static_cast<std::uint8_t>(1 << at % 8);
    spill(path, bytes);
    if (reading(path).empty()) FAIL("with a bit of byte " << at << " flipped it is read");
  }
  Bytes longer = good;
  longer.push_back(0);
  spill(path, longer);
  CHECK_THAT(reading(path), Contains("cut short or damaged"));
  Bytes pixel = good;
  pixel[20] ^= 1;
  spill(path, pixel);
  CHECK_THAT(reading(path), Contains("'pic0'") && Contains("checksum differs"));
  CHECK(open_pack(path)->image(1).rgb == open_pack(folder / "good")->image(1).rgb);  // the others are still good
}

TEST_CASE("foreign files and lying indices are refused") {
  const TempFolder folder;
  const std::string path = folder / "p";
  CHECK_FALSE(is_pack(path));
  CHECK_FALSE(is_pack(folder.path()));
  CHECK_THAT(reading(path), Contains("no such file"));
  spill(path, std::string("PK\x03\x04 something else, longer than a pack's header and footer together"));
  CHECK_FALSE(is_pack(path));
  CHECK_THAT(reading(path), Contains("does not begin as a fledge pack"));
  const auto lie = [&](std::size_t pixels, const std::string& index) {
    spill(path, assembled(pixels, index));
    return reading(path);
  };
  const std::string head = "{\"classes\":1,\"pictures\":1,\"short_side\":0}\n\"c\"\n";
  const std::uint64_t sum = pack_checksum("xxxxxx", 6);
  const auto picture = [&](const std::string& values) { return head + "[\"p\"," + values + "]\n"; };
  CHECK(lie(6, picture("0,-1,2,1," + std::to_string(sum))).empty());
  CHECK_THAT(lie(6, picture("0,-1,2,1,1")), Contains("checksum differs"));
  CHECK_THAT(lie(5, picture("0,-1,2,1,1")), Contains("need 6 bytes of pixels, it has 5"));
  CHECK_THAT(lie(7, picture("0,-1,2,1,1")), Contains("need 6 bytes of pixels, it has 7"));
  CHECK_THAT(lie(6, picture("1,-1,2,1,1")), Contains("the label is 1, not a whole number from -1 to 0"));
  CHECK_THAT(lie(6, picture("-2,-1,2,1,1")), Contains("the label is -2"));
  CHECK_THAT(lie(6, picture("0,-1,0,1,1")), Contains("the width is 0"));
  CHECK_THAT(lie(6, picture("0,-1,2,20000,1")), Contains("the height is 20000"));
  CHECK_THAT(lie(6, picture("0,-1,16384,16384,1")), Contains("too large"));
  CHECK_THAT(lie(6, picture("0,-1,2.0,1,1")), Contains("the width is 2.0"));
  CHECK_THAT(lie(6, picture("0,-1,18446744073709551615,1,1")), Contains("the width is 18446744073709551615"));
  CHECK_THAT(lie(6, picture("0,-1,2,1,-1")), Contains("checksum is not"));
  CHECK_THAT(lie(6, picture("0,-1,2,1,1,[0,0,3,1]")), Contains("the box's width is 3"));
  CHECK_THAT(lie(6, picture("0,-1,2,1,1,[0,0]")), Contains("a box has 4 values"));
  CHECK_THAT(lie(6, picture("0,-1,2,1")), Contains("6 to 8 values"));
  const std::string hash = "\"" + std::string(32, 'a') + "\"", whole = "0,-1,2,1," + std::to_string(sum);
  CHECK(lie(6, picture(whole + "," + hash)).empty());
  CHECK(lie(6, picture(whole + ",[0,0,2,1]," + hash)).empty());
  CHECK_THAT(lie(6, picture(whole + ",\"zz\"")), Contains("no 32 hexadecimal digits"));
  CHECK_THAT(lie(6, picture(whole + "," + hash + ",[0,0,2,1]")), Contains("no hash of a file"));
  CHECK_THAT(lie(6, head + "[1,0,-1,2,1,1]\n"), Contains("a name is not text"));
  CHECK_THAT(lie(6, head + "[\"%4\",0,-1,2,1,1]\n"), Contains("% without two digits"));
  CHECK_THAT(lie(6, head), Contains("line 3 of its index: missing"));
  CHECK_THAT(lie(6, picture("0,-1,2,1,1") + "[]\n"), Contains("more follows"));
  CHECK_THAT(lie(6, "{\"classes\":1099511627776,\"pictures\":1,\"short_side\":0}\n"),
             Contains("line 1") && Contains("does not hold"));
  CHECK_THAT(lie(6, "{\"classes\":-1,\"pictures\":1,\"short_side\":0}\n"), Contains("classes is -1"));
  CHECK_THAT(lie(6, "[]\n"), Contains("has to give classes"));
  CHECK_THAT(lie(6, "{]\n"), Contains("not JSON"));
  CHECK_THAT(lie(6, std::string(1 << 20, '[')), Contains("missing"));
  CHECK_THAT(lie(6, std::string(1 << 20, '[') + "\n"), Contains("longer than"));
  CHECK_THAT(lie(6, std::string(60000, '[') + "\n"), Contains("not JSON"));
}

TEST_CASE("packing: an unreadable picture or a full folder leaves nothing behind") {
  const TempFolder folder;
  const std::string path = folder / "p";
  for (const int workers : {0, 3}) {
    ErrorKind kind = ErrorKind::Internal;
    CHECK_THAT(error_of(
                   [&] {
                     pack_dataset(Made({40}, {11, 17}), path, packing(0, workers));
                   },
                   &kind),
               Contains("'pic11'"));
    CHECK(kind == ErrorKind::BadInput);
    CHECK(std::filesystem::is_empty(folder.path()));
  }
  Made outside({2});
  outside.boxes[1] = {50, 0, 3, 3};
  CHECK_THAT(error_of([&] { pack_dataset(outside, path, packing(0, 1)); }), Contains("lies outside the picture"));
  CHECK_THAT(error_of([&] { pack_dataset(Made({}), path, packing(0, 1)); }), Contains("no picture to pack"));
  CHECK_THAT(error_of([&] { pack_dataset(Made({1}), path, packing(-1, 1)); }), Contains("short side -1"));
  CHECK_THAT(error_of([&] { pack_dataset(Made({1}), folder.path(), packing(0, 1)); }), Contains("it is a folder"));
  ErrorKind kind = ErrorKind::Internal;
  error_of([&] { pack_dataset(Made({1}), folder / "no/such/folder/p", packing(0, 1)); }, &kind);
  CHECK(kind == ErrorKind::Resource);
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("real pictures come out of a pack as out of their folder") {
  const std::string cars = shared_folder("data/cars196/test");
  if (cars.empty()) {
    WARN("the shared pictures are absent: left out");
    return;
  }
  const TempFolder folder;
  const auto all = open_dataset({cars, "0"});
  pack_dataset(*all, folder / "cars", packing(100, 2));
  const auto pack = open_pack(folder / "cars");
  for (std::int64_t i = 0; i < all->size(); ++i) {
    CHECK(pack->image(i).rgb == resize_short_side(all->image(i), 100).rgb);
    CHECK(pack->name(i) == all->name(i));
  }
}
