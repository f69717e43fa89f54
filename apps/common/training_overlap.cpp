#include "apps/common/training_overlap.h"

#include <filesystem>
#include <optional>
#include <vector>

#include "apps/common/run_identity.h"
#include "data/content_map.h"
#include "data/overlap.h"
#include "io/file.h"

namespace fledge {
namespace {

namespace fs = std::filesystem;

/// Of the run that the path is in: RUN, RUN/checkpoints/step-1, RUN/checkpoints/step-1/model.safetensors.
std::optional<RunIdentity> identity_of(const std::string& model) {
  std::error_code ignored;
  fs::path folder = fs::weakly_canonical(model, ignored);
  for (int up = 0; up < 4 && !folder.empty(); ++up, folder = folder.parent_path()) {
    if (up > 0 && !fs::is_directory(folder / "checkpoints", ignored)) continue;
    if (const auto bytes = read_file_if_there((folder / "identity.tsv").string()))
      return parse_identity(std::string(bytes->begin(), bytes->end()));
  }
  return std::nullopt;
}

}  // namespace

std::string training_overlap(const std::string& model, const std::shared_ptr<Dataset>& tested, int threads) {
  const auto identity = identity_of(model);
  if (!identity) return "";
  ContentMap<const PictureIdentity*> trained;
  for (const auto& [set, pictures] : identity->sets)
    if (set == "train")
      for (const PictureIdentity& picture : pictures)
        for (const Content& known : {picture.content, picture.origin})
          if (known.known()) trained.emplace(known, &picture);
  if (trained.empty()) return "";
  Contents contents(tested);
  contents.finish(threads);
  Overlap found;
  found.of = tested->size();
  for (std::int64_t i = 0; i < tested->size(); ++i) {
    auto at = trained.find(contents.of(i));
    if (at == trained.end()) at = trained.find(contents.origin(i));
    if (at == trained.end()) continue;
    ++found.count;
    if (found.first.size() < 5) found.first.emplace_back(tested->name(i), at->second->name);
  }
  return overlap_text(found);
}

}  // namespace fledge
