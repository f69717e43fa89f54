// Lists of pictures: CSV and TSV with quotes, boxes, parts, and complaints by line.
#include <catch2/catch.hpp>

#include "data/dataset.h"
#include "data/datasets/annotation_files/text_file.h"
#include "data/datasets/list.h"
#include "tests/support/files.h"

using namespace fledge;
using namespace fledge::test;
using Catch::Contains;

namespace {

const std::string kTree = std::string(FLEDGE_SOURCE_DIR) + "/tests/data/layouts/list";

std::vector<std::vector<std::string>> rows_of(const std::string& text, char separator = ',') {
  const TempFolder folder;
  spill(folder / "x.csv", text);
  std::vector<std::vector<std::string>> rows;
  for (const TextRow& row : read_separated(folder / "x.csv", separator)) rows.push_back(row.fields);
  return rows;
}

std::string error_in(const std::string& text, const std::string& part = "", ErrorKind wanted = ErrorKind::BadInput) {
  const TempFolder folder;
  spill(folder / "list.csv", text);
  ErrorKind kind = ErrorKind::Internal;
  const std::string message = error_of([&] { open_dataset({folder / "list.csv" + part, ""}); }, &kind);
  CHECK(kind == wanted);
  return message;
}

}  // namespace

TEST_CASE("CSV: quotes, line ends, byte-order mark", "[list]") {
  using Rows = std::vector<std::vector<std::string>>;
  CHECK(rows_of("a,b\n1,2\n") == Rows{{"a", "b"}, {"1", "2"}});
  CHECK(rows_of("a,b\r\n1,2") == Rows{{"a", "b"}, {"1", "2"}});
  CHECK(rows_of("\xef\xbb\xbf"
                "a,\n\n,\n") == Rows{{"a", ""}, {"", ""}});
  CHECK(rows_of("\"a,\"\"b\"\"\",\"two\nlines\"\nx") == Rows{{"a,\"b\"", "two\nlines"}, {"x"}});
  CHECK(rows_of("a b\t\"c\td\"\t", '\t') == Rows{{"a b", "c\td", ""}});
  CHECK(rows_of("").empty());
  CHECK_THAT(error_of([] { rows_of("a,\"b\"c\n"); }), Contains("x.csv:1: text stands after a closing quote"));
  CHECK_THAT(error_of([] { rows_of("a\n\"x\n\ny\",\"b\n"); }), Contains("x.csv:2: a quote is opened and never closed"));
  CHECK_THAT(error_of([] { rows_of("a\n" + std::string(2000, ',')); }),
             Contains("x.csv:2: it has more than 1024 fields"));
}

TEST_CASE("a list: classes by sorted label, parts by column, boxes where given", "[list]") {
  const auto all = open_dataset({kTree + "/list.csv", ""});
  REQUIRE(all->size() == 20);
  CHECK(all->class_names() == std::vector<std::string>{"10", "9", "Ant, red", "bee", "cat", "dog \"Rex\""});
  CHECK(all->name(0) == "pictures/00.jpg");
  CHECK(all->label(0) == 2);
  CHECK(all->label(4) == 0);
  CHECK_FALSE(all->box(0));
  REQUIRE(all->box(1));
  CHECK(all->box(1)->left == 3);
  CHECK(all->box(1)->height == 14);
  CHECK(all->super_class(0) == -1);
  CHECK(all->super_class(1) == 1);
  for (std::int64_t i = 0; i < all->size(); ++i) CHECK(all->image(i).width > 0);
  const auto train = open_dataset({kTree + "/list.csv:train", ""});
  CHECK(train->class_names() == std::vector<std::string>{"Ant, red", "bee", "cat"});
  CHECK(train->label(0) == 0);
  CHECK(open_dataset({kTree + "/list.csv:test", ""})->class_names() ==
        std::vector<std::string>{"10", "9", "dog \"Rex\""});
  CHECK_THAT(train->description(), Contains("list.csv:train: 11 images, 3 classes"));
}

TEST_CASE("a list: columns and parts may be written in capitals", "[list]") {
  const TempFolder root;
  spill(root / "l.csv",
        std::string("Path,Label,SPLIT,X,Y,Width,Height\n1.jpg,A,Train,1,2,3,4\n2.jpg,a,TEST,1,2,3,4\n"));
  const auto train = open_dataset({root / "l.csv:train", ""});
  REQUIRE(train->size() == 1);
  CHECK(train->class_names() == std::vector<std::string>{"A"});  // what is no keyword stays as it is
  REQUIRE(train->box(0));
  CHECK(train->box(0)->height == 4);
  CHECK(open_dataset({root / "l.csv:test", ""})->class_names() == std::vector<std::string>{"a"});
  spill(root / "twice.csv", std::string("path,label,Label\n1.jpg,a,b\n"));
  CHECK_THAT(error_of([&] { open_dataset({root / "twice.csv", ""}); }), Contains("'Label' is there twice"));
}

TEST_CASE("a list: blanks at the ends of fields do not count", "[list]") {
  const TempFolder folder;
  spill(folder / "l.csv", std::string("\xef\xbb\xbf path , label , split\r\n a b.jpg, c0 ,train \r\n"
                                      "b.jpg,\"c0 \" ,\ttrain\r\nc.jpg,\xc2\xa0"
                                      "c0, train\r\nd.jpg, c1,test\r\n"));
  const auto d = open_dataset({folder / "l.csv", ""});
  CHECK(d->class_names() == std::vector<std::string>{"c0", "c1"});
  CHECK(d->name(0) == "a b.jpg");
  CHECK(open_dataset({folder / "l.csv:train", ""})->size() == 3);
  spill(folder / "mac.csv", std::string("path,label\ra.jpg,x\rb.jpg,y\r"));
  CHECK(open_dataset({folder / "mac.csv", ""})->class_names() == std::vector<std::string>{"x", "y"});
  spill(folder / "quoted.csv", std::string("path,label\n\" a.jpg\",x\n"));  // a name may begin with a blank
  CHECK(open_dataset({folder / "quoted.csv", ""})->name(0) == " a.jpg");
}

TEST_CASE("a list: one number written in two ways is refused by row", "[list]") {
  CHECK_THAT(error_in("path,label\na,0\nb,0.0\nc,1\n"),
             Contains("list.csv:3: label '0.0' is the number '0' of line 2, written in another way"));
  CHECK_THAT(error_in("path,label\na,1.0\nb,2\nc,01\n"),
             Contains("list.csv:4: label '01'") && Contains("'1.0' of line 2"));
  CHECK_THAT(error_in("path,label\na,-1\nb,-1.\n"), Contains("list.csv:3: label '-1.'"));
  const TempFolder folder;
  spill(folder / "l.csv", std::string("path,label\na,1\nb,1.5\nc,1e0\nd,1.0a\ne,-1\nf,.\ng,12345678901234567890\n"
                                      "h,12345678901234567891\n"));
  CHECK(open_dataset({folder / "l.csv", ""})->classes() == 8);
}

TEST_CASE("a list with tabs, and paths from the root", "[list]") {
  const TempFolder folder;
  spill(folder / "L.TSV", "label\tpath\nb\t" + kTree + "/pictures/00.jpg\na\tnone.jpg\n");
  const auto d = open_dataset({folder / "L.TSV", ""});
  CHECK(d->size() == 2);
  CHECK(d->label(0) == 1);
  CHECK(d->image(0).width > 0);
  CHECK_THAT(error_of([&] { d->image(1); }), Contains(folder / "none.jpg"));
}

TEST_CASE("a list that is wrong is refused by line", "[list]") {
  CHECK_THAT(error_in(""), Contains("is empty"));
  CHECK_THAT(error_in("a.jpg,cat\n"),
             Contains("list.csv:1: the first line names no column 'path': it is 'a.jpg', 'cat'"));
  CHECK_THAT(error_in("path;label\na;b\n"), Contains("it is 'path;label'") && Contains("between commas, not ';'"));
  CHECK_THAT(error_in(std::string("\xff\xfep\0a\0", 6)), Contains("it is UTF-16 text") && Contains("iconv"));
  CHECK_THAT(error_in("path,label\na,b\n./a,b\n"), Contains("list.csv:3: './a' is there before, in line 2"));
  CHECK_THAT(error_in("path,label\na, \n"), Contains("list.csv:2: label is empty"));
  CHECK_THAT(error_in("path,name\na,b\n"), Contains("names no column 'label'"));
  CHECK_THAT(error_in("path,label,path\n"), Contains("list.csv:1: the column 'path' is there twice"));
  CHECK_THAT(error_in("path,label,x,y\n"), Contains("all of the columns x, y, width and height"));
  CHECK_THAT(error_in("path,label\n"), Contains("lists no pictures"));
  CHECK_THAT(error_in("path,label\na,b\n\nc\n"), Contains("list.csv:4: it has 1 fields, the first line has 2"));
  CHECK_THAT(error_in("path,label\na,b\n,c\n"), Contains("list.csv:3: path is empty"));
  CHECK_THAT(error_in("path,label\na,\n"), Contains("list.csv:2: label is empty"));
  CHECK_THAT(error_in("path,label\na,b\nc,d\na,b\n"), Contains("list.csv:4: 'a' is there before, in line 2"));
  CHECK_THAT(error_in("path,label,split\na,b,val\n"),
             Contains("list.csv:2: split is 'val'") && Contains("train or test"));
  CHECK_THAT(error_in("path,label,split\na,b,train\n", ":test"), Contains("no pictures of the part 'test'"));
  CHECK_THAT(error_in("path,label\na,b\n", ":test", ErrorKind::Usage), Contains("no parts") && Contains("'split'"));
  const std::string boxed = "path,label,x,y,width,height,super_class\n";
  CHECK_THAT(error_in(boxed + "a,b,1,2,3,,\n"), Contains("list.csv:2: height '' is no number"));
  CHECK_THAT(error_in(boxed + "a,b,1,2,3,inf,\n"), Contains("height 'inf' is no number"));
  CHECK_THAT(error_in(boxed + "a,b,1,2,0,4,\n"), Contains("list.csv:2: the box is empty"));
  CHECK_THAT(error_in(boxed + "a,b,,,,,-1\n"), Contains("super_class -1 is below 0"));
  CHECK_THAT(error_in(boxed + "a,b,,,,,1.5\n"), Contains("super_class '1.5' is no whole number"));
  CHECK_THAT(error_in("path,label\n" + std::string("a\0b,c\n", 6)), Contains("path holds a zero byte"));
  CHECK_THAT(error_in("path,label,super_class\na,b,1\nc,b,\nd,e,2\nf,b,2\n"),
             Contains("class 'b' lies in two super-classes: 'a' and 'f'"));
}

TEST_CASE("a list: one file under two paths is one picture", "[list]") {
  const TempFolder folder;
  const std::string whole = folder / "a/1.png";
  for (const std::string& other : {whole, std::string("a/../a/1.png"),
                                   "../" + std::filesystem::path(folder.path()).filename().string() + "/a/1.png"}) {
    spill(folder / "l.csv", "path,label\na/1.png,x\n" + other + ",y\n");
    try {
      open_dataset({folder / "l.csv", ""});
      FAIL(other);
    } catch (const Error& e) {
      CHECK_THAT(e.what(), Contains("is there before, in line 2"));
    }
  }
}

TEST_CASE("boxes of a list cover fractions of pixels", "[list]") {
  const TempFolder folder;
  spill(folder / "l.csv", std::string("path,label,x,y,width,height\na,b,-0.5,2.25,3,1.5\n"));
  const auto box = open_dataset({folder / "l.csv", ""})->box(0);
  REQUIRE(box);
  CHECK(box->left == -1);
  CHECK(box->top == 2);
  CHECK(box->width == 4);
  CHECK(box->height == 2);
}
