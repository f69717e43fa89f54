#include "data/datasets/layouts.h"

#include <filesystem>

#include "data/datasets/cars.h"
#include "data/datasets/cub.h"
#include "data/datasets/list.h"
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

}  // namespace

DataSource parse_source(const std::string& source) {
  DataSource s{source};
  std::error_code ignored;
  if (!fs::exists(source, ignored)) s.part_named = take_part(s.path, s.part);
  while (s.path.size() > 1 && s.path.back() == '/') s.path.pop_back();
  return s;
}

std::optional<Annotations> read_annotations(const DataSource& source) {
  std::error_code ignored;
  if (!fs::is_directory(source.path, ignored)) {
    if (fs::is_regular_file(source.path, ignored) && is_list(source.path)) return read_list(source.path);
    return std::nullopt;
  }
  if (auto found = read_folder(source.path, source.part)) return found;
  for (const char* below : {"CUB_200_2011", "Stanford_Online_Products", "stanford_cars"})
    if (const std::string root = source.path + "/" + below; fs::is_directory(root, ignored))
      if (auto found = read_folder(root, source.part)) return found;
  return std::nullopt;
}

}  // namespace fledge
