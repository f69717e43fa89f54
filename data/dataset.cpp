#include "data/dataset.h"

#include <filesystem>

#include "data/datasets/folder.h"
#include "data/datasets/idx.h"
#include "data/subset.h"
#include "kernels/api/error.h"

namespace fledge {

namespace {

constexpr const char* kFashion = "fashion-mnist";

/// Takes ":train", ":test" or ":all" off the end of a source. A folder's own name may hold colons, so only these three
/// count.
IdxPart take_part(std::string& source) {
  const std::pair<const char*, IdxPart> parts[] = {
      {":train", IdxPart::Train}, {":test", IdxPart::Test}, {":all", IdxPart::All}};
  for (const auto& [suffix, part] : parts) {
    const std::string s = suffix;
    if (source.size() > s.size() && source.compare(source.size() - s.size(), s.size(), s) == 0) {
      source.resize(source.size() - s.size());
      return part;
    }
  }
  return IdxPart::All;
}

bool holds_idx(const std::string& folder) {
  std::error_code ignored;
  for (const char* name :
       {"train-images-idx3-ubyte", "train-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte", "t10k-images-idx3-ubyte.gz"})
    if (std::filesystem::is_regular_file(folder + "/" + name, ignored)) return true;
  return false;
}

std::shared_ptr<Dataset> open_source(const std::string& source) {
  if (source.empty())
    throw Error(ErrorKind::Usage, "", "no data set is named",
                "give a folder with one folder a class, or fashion-mnist");
  std::error_code ignored;
  if (std::filesystem::is_directory(source, ignored))
    return holds_idx(source) ? open_idx(source, IdxPart::All) : open_folder(source);
  std::string base = source;
  const IdxPart part = take_part(base);
  if (base == kFashion) return open_idx("", part);
  if (base != source && holds_idx(base)) return open_idx(base, part);
  if (source.rfind(std::string(kFashion) + ":", 0) == 0)
    throw Error(ErrorKind::Usage, "", "unknown part in '" + source + "'",
                "fashion-mnist:train, fashion-mnist:test or fashion-mnist:all");
  return open_folder(source);  // says what is wrong with it
}

}  // namespace

std::vector<std::vector<std::int64_t>> Dataset::by_class() const {
  std::vector<std::vector<std::int64_t>> groups(static_cast<std::size_t>(classes()));
  for (std::int64_t i = 0; i < size(); ++i)
    if (label(i) >= 0) groups[label(i)].push_back(i);
  return groups;
}

std::shared_ptr<Dataset> open_dataset(const DatasetSpec& spec) {
  std::shared_ptr<Dataset> dataset = open_source(spec.source);
  if (spec.classes.empty()) return dataset;
  const std::vector<std::int64_t> ranks = parse_class_ranks(spec.classes, dataset->classes());
  return select_classes(std::move(dataset), ranks);
}

}  // namespace fledge
