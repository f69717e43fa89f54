#include "kernels/cpu/conv/measured.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdio>

#include "base/environment.h"
#include "base/error.h"
#include "base/processor.h"
#include "kernels/api/backend.h"
#include "kernels/api/reproducibility.h"
#include "kernels/plan/fastest.h"

namespace fledge::cpu {
namespace {

/// Of the program that runs: another one, or one that was linked anew, may have other kernels.
std::string build() {
  struct stat s {};
  ::stat("/proc/self/exe", &s);
  return "build " + std::to_string(s.st_size) + " " + std::to_string(s.st_mtim.tv_sec) + "." +
         std::to_string(s.st_mtim.tv_nsec);
}

/// The file is named by its stamp, so that machines that share a home, and two builds, each keep their own.
ChoiceFile file_of_this_machine() {
  const std::string stamp = processor_name() + ", " + cpu_isa() + ", " + build();
  std::uint64_t hash = 0xCBF29CE484222325ull;  // FNV-1a
  for (const unsigned char c : stamp) hash = (hash ^ c) * 0x100000001B3ull;
  const std::string path = cache_path("convolutions-" + std::to_string(hash));
  ChoiceFile file(path, stamp);
  if (!file.ignored().empty())
    std::fprintf(stderr, "warning: the kept choices of '%s' are not used: %s\n", path.c_str(), file.ignored().c_str());
  return file;
}

/// As the file has it.
std::string text_of(const ConvProblem& problem, std::int64_t threads) {
  const char* direction = problem.direction == ConvDirection::Forward     ? "forward "
                          : problem.direction == ConvDirection::GradInput ? "grad_input "
                                                                          : "grad_weight ";
  return direction + describe(problem) + ", " + std::to_string(threads) + " threads";
}

}  // namespace

const ConvImplementation& MeasuredChoice::of(ExecContext& ctx, const ConvCall& call,
                                             std::span<const ConvImplementation* const> takers) {
  Key key{call.problem(), ctx.threads()};
  if (takers.size() == 1 || key.epilogue & kResidualInPlace || thread_invariant()) return *takers.front();
  const std::lock_guard lock(mutex_);  // while one measures, others wait: they would spoil the times
  const ConvImplementation*& known = known_[key];
  const auto takes = [&](const ConvImplementation* i) { return std::find(takers.begin(), takers.end(), i); };
  if (!known) {
    const std::string problem = text_of(key, key.threads), kept = file_.find(problem);
    const auto of_file = std::find_if(takers.begin(), takers.end(), [&](const auto* i) { return kept == i->name; });
    known = of_file != takers.end() ? *of_file : &measure(ctx, call, takers);
    if (of_file == takers.end()) file_.keep(problem, known->name);
  }
  return takes(known) != takers.end() ? *known : *takers.front();  // strides are not in the key
}

const ConvImplementation& MeasuredChoice::measure(ExecContext& ctx, const ConvCall& call,
                                                  std::span<const ConvImplementation* const> takers) {
  for (const ConvImplementation* i : takers) i->run(ctx, call);  // makes plans, packs weights
  return *takers[fastest(takers.size(), [&](std::size_t i) { return seconds([&] { takers[i]->run(ctx, call); }); })];
}

MeasuredChoice* measured_choice() {
  static MeasuredChoice* const choice = []() -> MeasuredChoice* {
    const std::string how = environment("FLEDGE_CONV_CHOICE");
    if (how.empty() || how == "rule") return nullptr;
    if (how == "measure") return new MeasuredChoice(file_of_this_machine());
    throw Error(ErrorKind::Usage, "cpu", "FLEDGE_CONV_CHOICE=" + how + " is no way to choose",
                "use rule or measure, or unset it");
  }();
  return choice;
}

}  // namespace fledge::cpu
