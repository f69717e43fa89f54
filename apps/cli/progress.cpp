#include "apps/cli/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>

namespace fledge {
namespace {

constexpr int kBarWidth = 24;
using Clock = std::chrono::steady_clock;

double seconds_between(Clock::time_point a, Clock::time_point b) {
  return std::chrono::duration<double>(b - a).count();
}

int terminal_columns() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 100;
}

/// "1:05" or "2:03:10".
std::string duration_text(double seconds) {
  const long s = static_cast<long>(seconds + 0.5);
  return s >= 3600 ? fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
                   : fmt::format("{}:{:02}", s / 60, s % 60);
}

}  // namespace

Progress::Progress(std::string what, std::int64_t total, bool quiet, std::int64_t already)
    : what_(std::move(what)),
      total_(total),
      start_count_(already),
      done_(already),
      quiet_(quiet),
      terminal_(::isatty(STDERR_FILENO) != 0),
      start_(Clock::now()),
      last_(start_) {}

Progress::~Progress() {
  if (quiet_ || done_ == start_count_) return;
  draw(done_, note_);
  if (terminal_) std::fputc('\n', stderr);
}

double Progress::images_per_second() const {
  return static_cast<double>(done_ - start_count_) / std::max(1e-9, seconds_between(start_, Clock::now()));
}

void Progress::update(std::int64_t done, const std::string& note) {
  done_ = done;
  note_ = note;
  if (quiet_) return;
  const auto now = Clock::now();
  if (seconds_between(last_, now) < (terminal_ ? 0.1 : 10.0)) return;
  last_ = now;
  draw(done, note);
}

void Progress::draw(std::int64_t done, const std::string& note) {
  const double rate = images_per_second();
  const double left = rate > 0 ? static_cast<double>(total_ - done) / rate : 0;
  const std::string tail =
      fmt::format("{}/{}  {:.0f} img/s  {}  {} left", done, total_, rate, note, duration_text(left));
  if (!terminal_) {
    std::fprintf(stderr, "%s  %s\n", what_.c_str(), tail.c_str());
    return;
  }
  const int full = total_ > 0 ? static_cast<int>(kBarWidth * done / total_) : 0;
  std::string bar;
  for (int i = 0; i < kBarWidth; ++i) bar += i < full ? "█" : "░";
  std::string line = what_ + "  " + bar + "  " + tail;
  const int columns = terminal_columns() - 1 + 2 * kBarWidth;  // each bar cell is three bytes and one column
  if (static_cast<int>(line.size()) > columns) line.resize(columns);
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
  std::fflush(stderr);
}

std::function<void(std::int64_t, std::int64_t)> progress_bar(const std::string& what, bool quiet) {
  return [what, quiet, bar = std::shared_ptr<Progress>()](std::int64_t done, std::int64_t of) mutable {
    if (!bar) bar = std::make_shared<Progress>(what, of, quiet);
    bar->update(done);
    if (done == of) bar.reset();
  };
}

}  // namespace fledge
