#include "io/checkpoint/safetensors_header.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "base/error.h"

namespace fledge {
namespace {

using Json = nlohmann::json;

/// Receives the parser's events. A tree would take ten times the header's size, and
/// would silently keep one of two equal names.
class HeaderReader : public nlohmann::json_sax<Json> {
 public:
  HeaderReader(const std::string& path, std::size_t max_tensors) : path_(path), max_tensors_(max_tensors) {}
  SafetensorsHeader take() { return std::move(header_); }

  bool null() override { return unexpected("null"); }
  bool boolean(bool) override { return unexpected("true or false"); }
  bool number_integer(number_integer_t value) override {
    return unexpected("the negative number " + std::to_string(value));
  }
  bool number_float(number_float_t, const string_t& text) override { return unexpected("the number " + text); }
  bool binary(binary_t&) override { return unexpected("binary data"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (state_ == State::Shape) {
      if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        return unexpected("a size beyond 2^63");
      entry().shape.push_back(static_cast<std::int64_t>(value));
      return true;
    }
    if (state_ != State::Offsets || offsets_ == 2) return unexpected("the number " + std::to_string(value));
    (offsets_++ == 0 ? entry().begin : entry().end) = value;
    return true;
  }

  bool string(string_t& value) override {
    if (state_ == State::Metadata) {
      header_.metadata[key_] = std::move(value);
      return true;
    }
    if (state_ != State::Tensor || key_ != "dtype") return unexpected("the text \"" + value + "\"");
    entry().dtype = std::move(value);
    return true;
  }

  bool start_object(std::size_t) override {
    if (state_ == State::Start) {
      state_ = State::Top;
    } else if (state_ == State::Top) {
      state_ = key_ == "__metadata__" ? State::Metadata : State::Tensor;
      fields_.clear();
      if (state_ == State::Tensor && header_.entries.size() == max_tensors_)
        fail("it has more than " + std::to_string(max_tensors_) + " tensors");
      if (state_ == State::Tensor) header_.entries.push_back({key_, "", {}, 0, 0});
    } else {
      return unexpected("an object");
    }
    return true;
  }

  bool end_object() override {
    if (state_ == State::Tensor && fields_.size() != 3)
      fail("tensor '" + entry().name + "' lacks dtype, shape or data_offsets");
    state_ = state_ == State::Top ? State::End : State::Top;
    return true;
  }

  bool key(string_t& value) override {
    if (state_ == State::Top && !names_.insert(value).second) fail("two entries are named '" + value + "'");
    if (state_ == State::Tensor || state_ == State::Metadata) {
      if (!fields_.insert(value).second) fail("'" + value + "' is there twice in one entry");
      if (state_ == State::Tensor && value != "dtype" && value != "shape" && value != "data_offsets")
        fail("tensor '" + entry().name + "' has the unknown field '" + value + "'");
    }
    key_ = std::move(value);
    return true;
  }

  bool start_array(std::size_t) override {
    if (state_ != State::Tensor || key_ == "dtype") return unexpected("a list");
    state_ = key_ == "shape" ? State::Shape : State::Offsets;
    offsets_ = 0;
    return true;
  }

  bool end_array() override {
    if (state_ == State::Offsets && offsets_ != 2)
      fail("tensor '" + entry().name + "': data_offsets must be two numbers");
    state_ = State::Tensor;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    fail("the header is no valid JSON at byte " + std::to_string(8 + position));
  }

 private:
  enum class State { Start, Top, Metadata, Tensor, Shape, Offsets, End };

  SafetensorsEntry& entry() { return header_.entries.back(); }
  [[noreturn]] void fail(const std::string& problem) {
    throw Error(ErrorKind::BadInput, "", "cannot read safetensors file '" + path_ + "': " + problem);
  }
  bool unexpected(const std::string& what) {
    switch (state_) {
      case State::Start:
        fail("the header must be an object, not " + what);
      case State::Metadata:
        fail("__metadata__ '" + key_ + "' must be text, not " + what);
      case State::Shape:
        fail("tensor '" + entry().name + "': shape must hold whole numbers from 0, not " + what);
      case State::Offsets:
        fail("tensor '" + entry().name + "': data_offsets must be two whole numbers from 0, not " + what);
      case State::Tensor:
        fail("tensor '" + entry().name + "': '" + key_ + "' cannot be " + what);
      default:
        fail("entry '" + key_ + "' must be an object, not " + what);
    }
  }

  const std::string& path_;
  const std::size_t max_tensors_;
  SafetensorsHeader header_;
  State state_ = State::Start;
  std::string key_;
  std::unordered_set<std::string> names_, fields_;
  int offsets_ = 0;
};

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view text, const std::string& path, std::size_t max_tensors) {
  if (text.empty() || text[0] != '{')
    throw Error(ErrorKind::BadInput, "",
                "cannot read safetensors file '" + path + "': the header at byte 8 must start with '{'",
                "is this a safetensors file?");
  // The JSON parser takes a NUL for the end of its input, and what follows would go unseen.
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos)
    throw Error(ErrorKind::BadInput, "",
                "cannot read safetensors file '" + path + "': the header is no valid JSON at byte " +
                    std::to_string(8 + nul) + ": a NUL");
  HeaderReader reader(path, max_tensors);
  Json::sax_parse(text.begin(), text.end(), &reader);
  return reader.take();
}

}  // namespace fledge
