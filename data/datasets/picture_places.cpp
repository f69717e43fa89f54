#include "data/datasets/picture_places.h"

#include <algorithm>
#include <filesystem>

#include "base/error.h"

namespace fledge {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kProbes = 32, kShown = 6;

/// "cars_train/" -> "cars_train/cars_train/".
std::string doubled(const std::string& beginning) {
  if (beginning.empty()) return beginning;
  const std::string plain = beginning.substr(0, beginning.size() - 1);
  return beginning + plain.substr(plain.rfind('/') + 1) + "/";  // npos + 1 is 0
}

std::vector<std::string> candidates_of(const std::string& usual, const std::vector<std::string>& others) {
  std::vector<std::string> all;
  const auto add = [&](const std::string& c) {
    if (std::find(all.begin(), all.end(), c) == all.end()) all.push_back(c);
  };
  add(usual);
  add(doubled(usual));
  for (const std::string& other : others) {
    add(other);
    add(doubled(other));
  }
  return all;
}

}  // namespace

bool is_file(const std::string& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

bool is_folder(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

bool PicturePlaces::exists(const std::string& file) const { return is_file(a_.root + "/" + file); }

std::string PicturePlaces::settle(const std::string& usual, const std::vector<std::string>& others) {
  std::vector<std::size_t> own;
  for (std::size_t i = 0; i < a_.images.size(); ++i)
    if (a_.images[i].file.starts_with(usual)) own.push_back(i);
  if (own.empty()) return "";
  const auto rest = [&](std::size_t i) { return a_.images[i].file.substr(usual.size()); };
  const std::vector<std::string> candidates = candidates_of(usual, others);
  std::string best = usual;
  std::size_t most = 0;
  // A few pictures tell; where none of them is there, each is asked for.
  for (const std::size_t probes : {std::min(kProbes, own.size()), own.size()}) {
    for (const std::string& candidate : candidates) {
      std::size_t hits = 0;
      for (std::size_t p = 0; p < probes; ++p) hits += exists(candidate + rest(own[p * own.size() / probes]));
      if (hits > most) best = candidate, most = hits;
      if (hits == probes) break;
    }
    if (most > 0) break;
  }
  any_ |= most > 0;
  for (const std::string& candidate : candidates) looked_for_.push_back(candidate + rest(own.front()));
  const bool up = best.starts_with("../");
  if (up) a_.root += "/..";
  const std::string beginning = up ? best.substr(3) : best;
  if (beginning != usual)
    for (const std::size_t i : own) a_.images[i].file = beginning + rest(i);
  return beginning;
}

void PicturePlaces::require_any() const {
  if (any_ || looked_for_.empty()) return;
  std::string list;
  for (std::size_t i = 0; i < looked_for_.size() && i < kShown; ++i) list += (i ? ", '" : "'") + looked_for_[i] + "'";
  throw Error(ErrorKind::BadInput, "",
              a_.layout + " in '" + a_.source + "': none of its " + with_thousands(a_.images.size()) +
                  " pictures is there; looked for " + list + (looked_for_.size() > kShown ? ", ..." : ""),
              "unpack the pictures beside their annotations");
}

}  // namespace fledge
