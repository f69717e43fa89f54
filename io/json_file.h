// JSON in and out: files of a bounded size and depth; output that is valid UTF-8 whatever the names in it are.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace fledge {

struct JsonBounds {
  std::size_t bytes = std::size_t{64} << 20;
  int depth = 32;
};

/// `text`, or a discarded value (is_discarded()) where it is no JSON or nested deeper than `depth`: a tree of a million
/// levels is refused before there is one.
nlohmann::json parse_json(std::string_view text, int depth = JsonBounds{}.depth);

/// The object in a file. Throws Error(BadInput) naming the path: too long, no JSON, nested too deep, no object.
nlohmann::json read_json_object(const std::string& path, const JsonBounds& bounds = {});

/// As text, `indent` as nlohmann's dump(): bytes that are no UTF-8, in keys and strings, are written by
/// escaped_for_json(); control characters as JSON's own \uNNNN, also those that JSON would allow.
std::string json_text(nlohmann::json json, int indent = -1);
std::string json_text(nlohmann::ordered_json json, int indent = -1);

}  // namespace fledge
