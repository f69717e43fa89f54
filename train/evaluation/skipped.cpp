#include "train/evaluation/skipped.h"

#include <cstdio>
#include <utility>

#include "base/escape.h"

namespace fledge {

void SkippedPictures::add(std::string name, std::string reason) {
  names.push_back(std::move(name));
  reasons.push_back(std::move(reason));
}

void say_skipped(const std::string& what, const SkippedPictures& skipped) {
  if (skipped.names.empty()) return;
  constexpr std::int64_t kSaid = 10;
  std::string text = "warning: " + std::to_string(skipped.count()) + " of " + std::to_string(skipped.of) + " " + what +
                     " could not be read, left out:\n";
  for (std::int64_t i = 0; i < skipped.count() && i < kSaid; ++i) text += "  " + shown(skipped.reasons[i]) + "\n";
  if (skipped.count() > kSaid) text += "  and " + std::to_string(skipped.count() - kSaid) + " more\n";
  std::fputs(text.c_str(), stderr);
}

}  // namespace fledge
