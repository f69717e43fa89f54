#include "data/datasets/layouts.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <vector>

#include "data/datasets/cars.h"
#include "data/datasets/cub.h"
#include "data/datasets/list.h"
#include "data/datasets/picture_places.h"
#include "data/datasets/products.h"

namespace fledge {

namespace fs = std::filesystem;

namespace {

std::optional<Annotations> read_folder(const std::string& root, SplitPart part) {
  if (is_cub(root)) return read_cub(root);
  if (is_products(root)) return read_products(root, part);
  if (const CarsLayout cars = find_cars(root); cars != CarsLayout::None) return read_cars(root, cars);
  return std::nullopt;
}

constexpr const char* kNames[] = {"CUB_200_2011", "Stanford_Online_Products", "stanford_cars"};
constexpr int kDeepest = 3;

/// The only folder in `folder`, "" where there are others or none.
std::string only_folder(const std::string& folder) {
  std::string only;
  std::error_code error, ignored;
  fs::directory_iterator entries(folder, error), end;
  for (; !error && entries != end; entries.increment(error)) {
    const std::string name = entries->path().filename().string();
    if (name[0] == '.' || !entries->is_directory(ignored)) continue;
    if (!only.empty()) return "";
    only = name;
  }
  return only;
}

/// `path` and what an archive or a copy may have put between it and the data set: a known name, perhaps doubled, or one
/// folder that holds all.
void add_roots(const std::string& path, int depth, std::vector<std::string>& roots) {
  roots.push_back(path);
  if (depth == kDeepest) return;
  for (const char* name : kNames)
    if (const std::string below = path + "/" + name; is_folder(below)) add_roots(below, depth + 1, roots);
  if (const std::string only = only_folder(path);
      !only.empty() && std::find(std::begin(kNames), std::end(kNames), only) == std::end(kNames))
    add_roots(path + "/" + only, depth + 1, roots);
}

}  // namespace

DataSource parse_source(const std::string& source) {
  DataSource s{source};
  std::error_code ignored;
  if (!fs::exists(source, ignored)) s.part_named = take_part(s.path, s.part);
  while (s.path.size() > 1 && s.path.back() == '/') s.path.pop_back();
  return s;
}

std::optional<Annotations> read_annotations(const DataSource& source) {
  if (is_file(source.path) && is_list(source.path)) return read_list(source.path);
  if (!is_folder(source.path)) return std::nullopt;
  std::vector<std::string> roots;
  add_roots(source.path, 0, roots);
  for (const std::string& root : roots)
    if (auto found = read_folder(root, source.part)) return found;
  return std::nullopt;
}

}  // namespace fledge
