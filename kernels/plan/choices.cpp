#include "kernels/plan/choices.h"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cstdio>

#include "base/processor.h"
#include "kernels/api/autotune.h"
#include "kernels/api/backend.h"
#include "kernels/plan/fastest.h"

namespace fledge {
namespace {

std::atomic<Autotune> level{Autotune::Off};

/// Of the program that runs: another one, or one that was linked anew, may have other kernels.
std::string this_build() {
  struct stat s {};
  ::stat("/proc/self/exe", &s);
  return "build " + std::to_string(s.st_size) + " " + std::to_string(s.st_mtim.tv_sec) + "." +
         std::to_string(s.st_mtim.tv_nsec);
}

/// The file is named by its stamp, so that machines that share a home, and two builds, each keep their own. Choices of
/// three rounds and of ten are kept apart.
ChoiceFile file_of_this_machine() {
  const std::string stamp =
      processor_name() + ", " + cpu_isa() + ", " + this_build() + (level == Autotune::Full ? ", full" : ", quick");
  std::uint64_t hash = 0xCBF29CE484222325ull;  // FNV-1a
  for (const unsigned char c : stamp) hash = (hash ^ c) * 0x100000001B3ull;
  const std::string path = cache_path("autotune-" + std::to_string(hash));
  ChoiceFile file(path, stamp);
  if (!file.ignored().empty())
    std::fprintf(stderr, "warning: the kept choices of '%s' are not used: %s\n", path.c_str(), file.ignored().c_str());
  return file;
}

}  // namespace

std::size_t Choices::choose(const std::string& problem, const std::vector<std::string>& names,
                            const std::function<void(std::size_t)>& prepare,
                            const std::function<double(std::size_t)>& time) {
  const std::lock_guard lock(mutex_);
  const auto number_of = [&](const std::string& name) {
    return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
  };
  const auto before = preferred_.find(problem);
  std::size_t chosen = number_of(before != preferred_.end() ? before->second : file_.find(problem));
  if (chosen == names.size()) {
    for (std::size_t i = 0; i < names.size(); ++i) prepare(i);
    chosen = fastest(names.size(), time, autotune() == Autotune::Full ? 10 : 3);
    file_.keep(problem, names[chosen]);
  }
  used_[problem] = names[chosen];
  return chosen;
}

std::map<std::string, std::string> Choices::used() const {
  const std::lock_guard lock(mutex_);
  return used_;
}

void Choices::prefer(const std::map<std::string, std::string>& choices) {
  const std::lock_guard lock(mutex_);
  preferred_ = choices;
}

Choices& choices() {
  static Choices all(file_of_this_machine());
  return all;
}

Autotune autotune() { return level; }
void set_autotune(Autotune a) { level = a; }

std::map<std::string, std::string> autotuned() {
  if (level == Autotune::Off) return {};
  return choices().used();
}

void take_autotuned(const std::map<std::string, std::string>& kept) {
  if (level != Autotune::Off) choices().prefer(kept);
}

}  // namespace fledge
