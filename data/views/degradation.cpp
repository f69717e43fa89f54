#include "data/views/degradation.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "io/image/blur.h"
#include "io/image/resize.h"

namespace fledge {
namespace {

constexpr double kMaxBlur = 100, kMaxDownsample = 64;

[[noreturn]] void bad_degradation(const std::string& text, const std::string& problem) {
  throw Error(ErrorKind::Usage, "", "degradation '" + text + "': " + problem,
              "write parts such as blur=1.5,downsample=2,jpeg=30 with commas between them, or none");
}

/// All of `text` as a number in [low, high].
double parse_number(const std::string& whole, const std::string& name, const std::string& text, double low,
                    double high) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size() && value >= low && value <= high) return value;
  const auto plain = [](double v) { return std::to_string(static_cast<int>(v)); };
  bad_degradation(whole, name + " is '" + text + "', not a number from " + plain(low) + " to " + plain(high));
}

void parse_part(const std::string& whole, const std::string& part, Degradation& d) {
  const std::size_t equals = part.find('=');
  const std::string name = part.substr(0, equals);
  if (name != "blur" && name != "downsample" && name != "jpeg") bad_degradation(whole, "unknown part '" + name + "'");
  if (equals == std::string::npos) bad_degradation(whole, name + " needs a value");
  const std::string value = part.substr(equals + 1);
  if (name == "blur") {
    d.blur = parse_number(whole, name, value, 0, kMaxBlur);
  } else if (name == "downsample") {
    d.downsample = parse_number(whole, name, value, 1, kMaxDownsample);
  } else {
    const double quality = parse_number(whole, name, value, 1, 100);
    if (quality != std::floor(quality)) bad_degradation(whole, "jpeg is '" + value + "', not a whole number");
    d.jpeg = static_cast<int>(quality);
  }
}

/// The shortest digits that are read back as the same number.
std::string number(double value) {
  char digits[32];
  const auto result = std::to_chars(digits, digits + sizeof digits, value);
  return std::string(digits, result.ptr);
}

int shrunk(int side, double factor) { return std::max(1, static_cast<int>(std::lround(side / factor))); }

}  // namespace

Degradation parse_degradation(const std::string& text) {
  Degradation d;
  if (text.empty() || text == "none") return d;
  std::string seen;
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t end = std::min(text.find(',', start), text.size());
    const std::string part = text.substr(start, end - start);
    parse_part(text, part, d);
    const std::string name = "," + part.substr(0, part.find('=')) + ",";
    if (seen.find(name) != std::string::npos) bad_degradation(text, "a part is there twice");
    seen += name;
    start = end + 1;
  }
  return d;
}

std::string to_string(const Degradation& degradation) {
  std::string text;
  const auto add = [&text](const std::string& part) { text += (text.empty() ? "" : ",") + part; };
  if (degradation.blur > 0) add("blur=" + number(degradation.blur));
  if (degradation.downsample > 1) add("downsample=" + number(degradation.downsample));
  if (degradation.jpeg > 0) add("jpeg=" + std::to_string(degradation.jpeg));
  return text;
}

Image apply(const Degradation& degradation, const Image& image) {
  Image out = image;
  if (degradation.blur > 0) out = gaussian_blur(out, degradation.blur);
  if (degradation.downsample > 1)
    out = resize(resize(out, shrunk(out.width, degradation.downsample), shrunk(out.height, degradation.downsample)),
                 out.width, out.height);
  if (degradation.jpeg > 0) {
    const std::vector<std::uint8_t> bytes = encode_jpeg(out, degradation.jpeg);
    out = decode_image(bytes.data(), bytes.size(), "degraded");
  }
  return out;
}

}  // namespace fledge
