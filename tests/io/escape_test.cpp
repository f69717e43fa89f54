// Names of any bytes: written and read back exactly, and harmless on a terminal.
#include "base/escape.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <random>

#include "base/error.h"
#include "io/json_file.h"
#include "tests/support/files.h"

using namespace fledge;

TEST_CASE("escapes in files give every name back", "[io][names]") {
  std::mt19937 random(1);
  const std::string pieces[] = {"\\",   "x",        "5c",       "\\x41", "\t",           "\n",   "\r",
                                "\xe9", "\xc3\xa9", "\x1b[31m", "a",     "\xed\xa0\x80", "\x7f", "\xc2\x9b"};
  for (int round = 0; round < 2000; ++round) {
    std::string name;
    for (unsigned i = random() % 8; i > 0; --i) name += pieces[random() % std::size(pieces)];
    for (unsigned i = random() % 3; i > 0; --i) name += static_cast<char>(random() % 255 + 1);
    INFO(name);
    CHECK(unescaped(escaped_for_json(name)) == name);
    CHECK(unescaped(escaped_for_line(name)) == name);
    const std::string line = escaped_for_line(name);
    for (const char c : line) CHECK(static_cast<unsigned char>(c) >= 32);
    CHECK(shown(shown(name)) == shown(name));
    const auto read_back = nlohmann::json::parse(json_text(nlohmann::json{{name, name}}));
    CHECK(unescaped(read_back.begin().key()) == name);
    CHECK(unescaped(read_back.begin().value().get<std::string>()) == name);
  }
}

TEST_CASE("plain names stay as they are", "[io][names]") {
  for (const std::string name : {"c0/a.jpg", "caf\xc3\xa9", "C:\\data\\a.jpg", "\\b"}) {
    CHECK(escaped_for_line(name) == name);
    CHECK(shown(name) == name);
  }
  CHECK(escaped_for_line("caf\xe9\t") == "caf\\xe9\\x09");
  CHECK(escaped_for_line("a\\x") == "a\\x5cx");
  CHECK(unescaped("\\x41") == "\\x41");
  CHECK(shown("a\xe2\x80\xae"
              "b") == "a\\xe2\\x80\\xaeb");
}

TEST_CASE("JSON of any depth is refused or read, never followed", "[io][json]") {
  const test::TempFolder folder;
  const std::string deep = std::string(1000000, '[');
  CHECK(parse_json(deep).is_discarded());
  CHECK(parse_json(deep + std::string(1000000, ']')).is_discarded());
  CHECK(parse_json("{\"a\": \"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"}").is_object());
  const std::string path = folder / "state.json";
  std::string objects;
  for (int i = 0; i < 1000000; ++i) objects += "{\"a\":";
  for (const std::string& text : {deep, objects, std::string("3"), std::string("{"), std::string()}) {
    test::spill(path, text);
    CHECK_THROWS_WITH(read_json_object(path), Catch::Contains(path) && Catch::Contains("damaged"));
  }
  test::spill(path, std::string("{\"a\": [1, 2]}"));
  CHECK(read_json_object(path)["a"][1] == 2);
  CHECK_THROWS_WITH(read_json_object(path, {.bytes = 5}), Catch::Contains("13 bytes"));
}
