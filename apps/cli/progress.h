// Progress on stderr: a bar on a terminal, one plain line every ten seconds otherwise, nothing when quiet.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace fledge {

class Progress {
 public:
  /// `what` is shown in front; `total` counts the same thing as update()'s `done` (pictures).
  Progress(std::string what, std::int64_t total, bool quiet, std::int64_t already = 0);
  ~Progress();  // finishes the line
  /// `note`: losses and the like.
  void update(std::int64_t done, const std::string& note = "");

 private:
  double images_per_second() const;
  void draw(std::int64_t done, const std::string& note);

  std::string what_, note_;
  std::int64_t total_, start_count_, done_;
  bool quiet_, terminal_, drawn_ = false;
  std::chrono::steady_clock::time_point start_, last_;
};

/// A bar of its own for a pass over pictures, for callbacks that tell how many are done, of how many. It ends with the
/// last one.
std::function<void(std::int64_t done, std::int64_t of)> progress_bar(const std::string& what, bool quiet);

}  // namespace fledge
