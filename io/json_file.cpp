#include "io/json_file.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/escape.h"
#include "base/hex.h"
#include "io/file.h"

namespace fledge {
namespace {

using nlohmann::json;

/// Whether brackets nest deeper than `depth`; those inside of strings do not count.
bool deeper_than(std::string_view text, int depth) {
  int level = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++level > depth) return true;
    } else if (c == '}' || c == ']') {
      --level;
    }
  }
  return false;
}

/// Every string and key of the tree as JSON can hold it. The depth is that of trees that fledge makes.
template <class Json>
void make_writable(Json& value) {
  if (value.is_string()) {
    value = escaped_for_json(value.template get_ref<const std::string&>());
  } else if (value.is_array()) {
    for (Json& element : value) make_writable(element);
  } else if (value.is_object()) {
    Json renamed = Json::object();
    for (auto& [key, element] : value.items()) {
      make_writable(element);
      renamed[escaped_for_json(key)] = std::move(element);
    }
    value = std::move(renamed);
  }
}

/// DEL and U+0080 to U+009F, which some terminals obey, as \u00NN: they can only stand inside of strings.
std::string without_controls(const std::string& text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned char byte = static_cast<unsigned char>(text[i]);
    const bool two = byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (two) byte = static_cast<unsigned char>(text[++i]);
    if (two || byte == 0x7f)
      out += {'\\', 'u', '0', '0', kHexDigits[byte >> 4], kHexDigits[byte & 15]};
    else
      out += text[i];
  }
  return out;
}

template <class Json>
std::string text_of(Json& value, int indent) {
  make_writable(value);
  return without_controls(value.dump(indent));
}

}  // namespace

json parse_json(std::string_view text, int depth) {
  if (deeper_than(text, depth)) return json(json::value_t::discarded);
  return json::parse(text.begin(), text.end(), nullptr, false);
}

json read_json_object(const std::string& path, const JsonBounds& bounds) {
  const auto refuse = [&](const std::string& problem) {
    throw Error(ErrorKind::BadInput, "", "'" + path + "' is damaged: " + problem);
  };
  std::error_code none;  // what cannot be opened is said by read_file
  const auto size = std::filesystem::file_size(path, none);
  if (!none && size > bounds.bytes)
    refuse("it has " + std::to_string(size) + " bytes, more than the " + std::to_string(bounds.bytes) + " allowed");
  const auto bytes = read_file(path);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (deeper_than(text, bounds.depth))
    refuse("its values nest deeper than " + std::to_string(bounds.depth) + " levels");
  json value = parse_json(text, bounds.depth);
  if (!value.is_object()) refuse(value.is_discarded() ? "it is not JSON" : "it is not a JSON object");
  return value;
}

std::string json_text(json value, int indent) { return text_of(value, indent); }
std::string json_text(nlohmann::ordered_json value, int indent) { return text_of(value, indent); }

}  // namespace fledge
