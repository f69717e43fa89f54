#include "train/evaluation/skipped.h"

#include <utility>

#include "base/escape.h"

namespace fledge {

void SkippedPictures::add(std::string name, std::string reason) {
  names.push_back(std::move(name));
  reasons.push_back(std::move(reason));
}

std::string skipped_text(const std::string& what, const SkippedPictures& skipped) {
  if (skipped.names.empty()) return "";
  constexpr std::int64_t kSaid = 10;
  std::string text = "warning: " + std::to_string(skipped.count()) + " of " + std::to_string(skipped.of) + " " + what +
                     " could not be read, left out:\n";
  for (std::int64_t i = 0; i < skipped.count() && i < kSaid; ++i) text += "  " + shown(skipped.reasons[i]) + "\n";
  if (skipped.count() > kSaid) text += "  and " + std::to_string(skipped.count() - kSaid) + " more\n";
  text.pop_back();
  return text;
}

}  // namespace fledge
