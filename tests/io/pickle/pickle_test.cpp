// The opcode machine on small pickles written out by hand: what each protocol's opcodes become.
#include <catch2/catch.hpp>
#include <string>

#include "io/pickle/reader.h"
#include "io/pickle/text_operands.h"
#include "io/torch/shape_of_values.h"
#include "tests/support/files.h"

using namespace fledge;
using namespace fledge::pickle;
using namespace std::string_literals;
using fledge::test::error_of;

namespace {

/// A pickle and what it became; the bytes stay, as texts are views into them.
struct Read {
  explicit Read(const std::string& text) : bytes(text), source{"test.pkl", bytes} {
    Budget budget;
    result = read(source, 0, graph, budget);
  }
  Ref root() const { return result.root; }
  Kind kind() const { return graph.kind(result.root); }

  std::string bytes;
  Source source;
  Graph graph;
  Result result;
};

std::int64_t integer(const std::string& opcode) {
  const Read r(opcode + ".");
  REQUIRE(r.kind() == Kind::Int);
  return r.graph.integer(r.root());
}

std::string text(const std::string& opcode, Kind kind) {
  const Read r(opcode + ".");
  REQUIRE(r.kind() == kind);
  return std::string(r.graph.text(r.root()));
}

}  // namespace

TEST_CASE("pickle: numbers of every form", "[pickle]") {
  CHECK(integer("K\xff") == 255);
  CHECK(integer("M\x34\x12"s) == 0x1234);
  CHECK(integer("J\xfe\xff\xff\xff"s) == -2);
  CHECK(integer("I-140187654321234\n") == -140187654321234);  // Python 2, beyond 32 bits
  CHECK(integer("L42L\n") == 42);
  CHECK(integer("\x8a\x00"s) == 0);
  CHECK(integer("\x8a\x01\xff"s) == -1);
  CHECK(integer("\x8a\x09\xff\xff\xff\xff\xff\xff\xff\x7f\x00"s) == 0x7fffffffffffffff);
  CHECK(integer("\x8b\x02\x00\x00\x00\x00\x01"s) == 256);
  for (const std::string wide : {"\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x40"s, "L1180591620717411303424L\n"s,
                                 "\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\x00"s})
    CHECK(Read(wide + ".").kind() == Kind::BigInt);
  const Read f("G\xbf\xf8\x00\x00\x00\x00\x00\x00."s), g("F1e-300\n.");
  CHECK(f.graph.real(f.root()) == -1.5);
  CHECK(g.graph.real(g.root()) == 1e-300);
  const Read yes("I01\n."), no("\x89.");
  CHECK(yes.kind() == Kind::Bool);
  CHECK(yes.graph.truth(yes.root()));
  CHECK_FALSE(no.graph.truth(no.root()));
  for (const char* bad : {"I1x\n.", "I\n.", "L.", "Fabc\n.", "I1"}) {
    INFO(bad);
    CHECK_FALSE(error_of([&] { Read r(bad); }).empty());
  }
}

TEST_CASE("pickle: Python 2's and 3's strings", "[pickle]") {
  CHECK(text("U\x03"
             "abc",
             Kind::ByteString) == "abc");
  CHECK(text("T\x02\x00\x00\x00\xff\x00"s, Kind::ByteString) == "\xff\x00"s);
  CHECK(text("X\x02\x00\x00\x00\xc3\xa9"s, Kind::Text) == "\xc3\xa9");
  CHECK(text("\x8c\x01z"s, Kind::Text) == "z");
  CHECK(text("C\x02\x80\x81"s, Kind::Bytes) == "\x80\x81");
  CHECK(text("S'a\\x41\\n\\'b'\n", Kind::ByteString) == "aA\n'b");
  CHECK(text("V\\u00e9\\U0001f426\xe9\n", Kind::Text) == "\xc3\xa9\xf0\x9f\x90\xa6\xc3\xa9");
  for (const char* bad : {"S'a\n.", "S'\\q'\n.", "S'\\x4'\n.", "V\\u12\n.", "S\n."}) {
    INFO(bad);
    CHECK_FALSE(error_of([&] { Read r(bad); }).empty());
  }
}

TEST_CASE("pickle: containers that grow after they were memoised", "[pickle]") {
  // a list in itself twice over: [x, x] with x appended to later through the memo
  const Read r(
      "]q\x01(]q\x02h\x02"
      "e0h\x02K\x05"
      "a0h\x01."s);
  REQUIRE(r.kind() == Kind::List);
  const auto items = r.graph.items(r.root());
  REQUIRE(items.size() == 2);
  CHECK(items[0] == items[1]);
  REQUIRE(r.graph.items(items[0]).size() == 1);
  CHECK(r.graph.integer(r.graph.items(items[0])[0]) == 5);

  const Read d(
      "(K\x01K\x02"
      "dK\x03K\x04s."s);
  const auto pairs = torch_file::as_dictionary(d.graph, d.root());
  REQUIRE(pairs);
  REQUIRE(pairs->size() == 2);
  CHECK(d.graph.integer((*pairs)[1].second) == 4);
}

TEST_CASE("pickle: calls are written down, nothing more", "[pickle]") {
  const Read r(
      "cos\nsystem\n(U\x04"
      "echotR(dU\x01"
      "aK\x01sb."s);
  REQUIRE(r.kind() == Kind::Object);
  const Ref callee = r.graph.class_of(r.root());
  CHECK(r.graph.module_of(callee) == "os");
  CHECK(r.graph.name_of(callee) == "system");
  CHECK(r.graph.items(r.graph.arguments(r.root())).size() == 1);
  CHECK(r.graph.kind(r.graph.state(r.root())) == Kind::Dict);
  CHECK(r.graph.globals().size() == 1);

  // Python 2's OrderedDict: called with a list of pairs; Python 3's: items set afterwards.
  for (const std::string form : {"ccollections\nOrderedDict\n((l(lU\x01xaK\x07"
                                 "aatR."s,
                                 "ccollections\nOrderedDict\n)RU\x01xK\x07s."s}) {
    const Read d(form);
    const auto pairs = torch_file::as_dictionary(d.graph, d.root());
    REQUIRE(pairs);
    REQUIRE(pairs->size() == 1);
    CHECK(torch_file::key_text(d.graph, (*pairs)[0].first) == "x");
    CHECK(d.graph.integer((*pairs)[0].second) == 7);
  }
}

TEST_CASE("pickle: the protocol, said or shown", "[pickle]") {
  CHECK(Read("I1\n.").result.protocol == 0);
  CHECK(Read("K\x01.").result.protocol == 1);
  CHECK(Read("\x80\x02K\x01.").result.protocol == 2);
  CHECK(Read("\x80\x04\x95\x03\x00\x00\x00\x00\x00\x00\x00K\x01."s).result.protocol == 4);
  CHECK(Read("N.rest").result.end == 2);
}

TEST_CASE("pickle: errors say the byte", "[pickle]") {
  CHECK_THAT(error_of([] { Read r("(K\x01"); }), Catch::Contains("byte 3"));
  CHECK_THAT(error_of([] { Read r("NN."); }), Catch::Contains("leaves values"));
  CHECK_THAT(error_of([] { Read r("K\x01R."); }), Catch::Contains("byte 2") && Catch::Contains("test.pkl"));
  Budget two{2};
  const std::string bytes = "NNN...";
  Graph graph;
  const Source source{"test.pkl", bytes};
  CHECK_THAT(error_of([&] { read(source, 0, graph, two); }), Catch::Contains("opcodes"));
}
