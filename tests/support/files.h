// Helpers for tests that write files: a folder that goes away, pictures from a formula, the text of an error.
#pragma once
#include <stdlib.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/error.h"
#include "io/image/image.h"

namespace fledge::test {

class TempFolder {
 public:
  TempFolder() {
    std::string text = (std::filesystem::temp_directory_path() / "fledge-test-XXXXXX").string();
    if (!mkdtemp(text.data())) throw std::runtime_error("cannot make a temporary folder");
    path_ = text;
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

using Bytes = std::vector<std::uint8_t>;

/// Appends a number as PNG and IDX files hold it: four bytes, the highest first.
inline void big32(Bytes& out, std::uint32_t v) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(v >> shift));
}

inline Bytes slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(in), {});
}

inline void spill(const std::string& path, const Bytes& bytes) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}
inline void spill(const std::string& path, const std::string& text) { spill(path, Bytes(text.begin(), text.end())); }

/// The same formula as pattern() in tests/golden/make_resize.py.
inline Image pattern(int width, int height) {
  Image image{width, height, {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c)
        image.rgb.push_back(static_cast<std::uint8_t>(
            (x * x * (3 + c) + y * y * (5 - c) + x * y * 7 + (x * 37 + y * 101 + c * 59) % 97) % 256));
  return image;
}

/// The message of the Error that `action` throws, "" when it throws none; `kind` receives its kind.
template <class Action>
std::string error_of(Action action, ErrorKind* kind = nullptr) {
  try {
    action();
  } catch (const Error& e) {
    if (kind) *kind = e.kind();
    return e.what();
  }
  return "";
}

/// Folder of the shared files that do not travel with the source: FLEDGE_SHARED, or
/// "shared" beside the source; "" when absent.
inline std::string shared_folder(const std::string& below) {
  const char* set = std::getenv("FLEDGE_SHARED");
  const std::string path = (set ? std::string(set) : std::string(FLEDGE_SOURCE_DIR) + "/../shared") + "/" + below;
  return std::filesystem::exists(path) ? path : "";
}

}  // namespace fledge::test
