#include "apps/bench/bench.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>

#include "apps/bench/cases.h"
#include "apps/bench/peers.h"
#include "apps/bench/picture.h"
#include "apps/bench/process.h"
#include "apps/bench/shared_folder.h"
#include "apps/bench/tables.h"
#include "apps/bench/turns.h"
#include "apps/cli/short_spin.h"
#include "base/error.h"
#include "io/file.h"
#include "train/compute.h"
#include "train/spec/words.h"

namespace fledge::bench {
namespace {

using Json = nlohmann::ordered_json;

/// One task of this program's own processes.
struct Task {
  std::string name, case_text, folder;
  int threads = 0;
};

/// This program again.
Finished run_self(const BenchOptions& o, const Task& task) {
  std::vector<std::string> words = {own_program(),     "bench",
                                    "--child",         task.name,
                                    "--device",        o.machine.device,
                                    "--precision",     word(o.machine.precision),
                                    "--threads",       std::to_string(task.threads),
                                    "--deterministic", word(o.machine.deterministic),
                                    "--autotune",      word(o.machine.autotune),
                                    "--size",          std::to_string(o.size),
                                    "--seconds",       std::to_string(o.seconds),
                                    "--step-graph",    word(o.step_graph),
                                    "--since",         std::to_string(monotonic_ns())};
  words.insert(words.end(), {"--checkpoint-activations", word(o.checkpoint_activations)});
  if (!task.folder.empty()) words.insert(words.end(), {"--folder", task.folder});
  if (!task.case_text.empty()) words.push_back(task.case_text);
  std::vector<std::pair<std::string, std::string>> environment;
  if (task.threads > 0) environment.emplace_back("OMP_NUM_THREADS", std::to_string(task.threads));
  const bool trains = !task.case_text.empty() && parse_case(task.case_text).trains();
  if (trains && !std::getenv(kSpinVariable) && !std::getenv("OMP_WAIT_POLICY"))
    environment.emplace_back(kSpinVariable, kSpinTurns);  // as fledge train runs
  return run_process(words, environment, true);
}

/// What a case's process answered; where it could not, that as "error".
Json answer_of(const Finished& f) {
  Json answer = last_object(f.out);
  if (answer.is_object()) return answer;
  if (f.signal == 9) return {{"error", "ended by signal 9: out of memory?"}};
  return {{"error", f.signal ? fmt::format("ended by signal {}", f.signal) : fmt::format("exit code {}", f.code)}};
}

/// Not enough memory for one case is a result; anything else makes the run fail in the end.
bool is_failure(const Finished& f) { return f.code != 0 && f.code != 4 && f.signal != 9; }

/// With which numbers of threads each case runs.
std::vector<int> thread_counts(const BenchOptions& o, const Json& machine) {
  const int own = machine.value("threads", 1);
  if (machine.value("on_device", false)) return {own};
  std::vector<int> counts;
  if (!o.thread_counts.empty()) {
    for (const std::int64_t n : parse_counts(o.thread_counts, "--thread-counts")) counts.push_back(static_cast<int>(n));
  } else {
    if (!o.against.empty() && o.machine.threads == 0 && own > 1) counts.push_back(1);
    counts.push_back(own);
  }
  return counts;
}

class Run {
 public:
  Run(const BenchOptions& o, Json machine) : o_(o), machine_(std::move(machine)), threads_(thread_counts(o, machine_)) {
    const bool peers = !o_.against.empty();
    for (const std::string& text : o_.cases.empty() ? default_cases(on_device(), peers) : o_.cases)
      cases_.push_back(checked(parse_case(text)));
    if (peers) peers_.emplace(o_, on_device());
  }

  int run() {
    if (peers_)
      for (const std::string& line : peers_->missing()) std::fprintf(stderr, "note: %s\n", line.c_str());
    if (!on_device() && !o_.machine.quiet)
      if (const std::string note = precision_note(compute_of(o_.machine)); !note.empty())
        std::fprintf(stderr, "note: %s\n", note.c_str());
    Json results = Json::array();
    if (!o_.json) print_heading(o_, machine_, versions());
    for (const BenchCase& c : cases_) time_case(c, results);
    if (!o_.json) print_footing(machine_, peers_.has_value());
    if (o_.kernels) profile_cases(results);
    if (!o_.picture.empty()) write_file_atomic(o_.picture, picture_of(results, machine_));
    if (o_.json) print_json(std::move(results));
    return code_;
  }

 private:
  BenchCase checked(BenchCase c) const {
    const std::string precision = word(o_.machine.precision);
    if (c.mode == BenchCase::Mode::Train && (precision == "int16" || precision == "int8"))
      throw Error(ErrorKind::Usage, "", "--precision " + precision + ", but " + c.text + " learns, in f32",
                  "name infer, distill (then it is the teacher's) or start cases");
    return c;
  }
  bool on_device() const { return machine_.value("on_device", false); }
  std::vector<std::string> versions() const { return peers_ ? peers_->versions() : std::vector<std::string>(); }

  void progress(const BenchCase& c, const std::string& who) const {
    if (!o_.machine.quiet) std::fprintf(stderr, "%s: %s\n", c.text.c_str(), who.c_str());
  }

  Json ask_self(const BenchCase& c, const Task& task) {
    const Finished f = run_self(o_, {task.name, c.text, task.folder, task.threads});
    if (is_failure(f)) code_ = f.signal ? static_cast<int>(ErrorKind::Internal) : f.code;
    return answer_of(f);
  }

  /// A row for each number of threads.
  void time_case(const BenchCase& c, Json& results) {
    const std::vector<Program> programs = peers_ ? peers_->programs_for(c) : std::vector<Program>();
    const SharedFolder folder;
    std::string problem;  // why the case cannot be run at all
    if (!programs.empty() || c.mode == BenchCase::Mode::Start || c.mode == BenchCase::Mode::Load) {
      progress(c, "what all compute on");
      problem = ask_self(c, {"share", "", folder.path(), threads_.back()}).value("error", "");
      if (problem.empty() && !programs.empty()) problem = peers_->prepare(c, folder.path());
    }
    for (const int threads : threads_) {
      results.push_back(problem.empty()
                            ? time_row(c, threads, programs, folder.path())
                            : Json{{"case", c.text}, {"threads", threads}, {"fledge", {{"error", problem}}}});
      if (!o_.json) print_row(results.back(), on_device());
    }
  }

  Json time_row(const BenchCase& c, int threads, const std::vector<Program>& programs, const std::string& folder) {
    std::vector<Entrant> entrants;
    entrants.emplace_back("fledge", [&] { return ask_self(c, {"time", "", folder, threads}); });
    for (const Program& p : programs)
      entrants.emplace_back(p.name(), [&] { return peers_->run(p, c, threads, folder); });
    const int turns = c.mode == BenchCase::Mode::Start ? 3 * o_.rounds : o_.rounds;  // each is one measurement
    run_in_turns(entrants, turns,
                 [&](const Entrant& e) { progress(c, fmt::format("{}, {} thread(s)", e.name(), threads)); });
    Json result = {{"case", c.text}, {"threads", threads}, {"batch", c.batch}, {"fledge", entrants[0].result()}};
    for (std::size_t i = 0; i < programs.size(); ++i) {
      Json peer = {{"peer", programs[i].peer}, {"variant", programs[i].variant}};
      peer.update(entrants[i + 1].result());
      result["peers"].push_back(std::move(peer));
    }
    add_ratios(result);
    // A GPU's kernels have no threads of the host's.
    if (!on_device() && !peers_ && c.has_network() && !c.once() && !entrants[0].failed()) {
      progress(c, "fledge, --deterministic strict");
      result["strict"] = ask_self(c, {"strict", "", folder, threads});
    }
    return result;
  }

  void profile_cases(Json& results) {
    for (std::size_t i = 0; i < results.size(); ++i) {
      const BenchCase& c = cases_[i / threads_.size()];
      if (!c.has_network() || c.once()) continue;
      progress(c, "kernels");
      results[i]["profile"] = ask_self(c, {"kernels", "", "", results[i].value("threads", 0)});
      if (!o_.json) print_kernels(c.text, results[i]["profile"]);
    }
  }

  void print_json(Json results) const {
    Json j = {{"machine", machine_},
              {"size", o_.size},
              {"rounds", o_.rounds},
              {"peers", versions()},
              {"cases", std::move(results)}};
    std::printf("%s\n", j.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
  }

  const BenchOptions& o_;
  const Json machine_;
  const std::vector<int> threads_;
  std::vector<BenchCase> cases_;
  std::optional<Peers> peers_;
  int code_ = 0;
};

}  // namespace

int run_bench(const BenchOptions& o) {
  if (!o.child.empty()) return run_child(o);
  // Asked of a process of its own: a look at a GPU takes some of its memory for as long as the process lives.
  const Finished f = run_self(o, {"machine", "", "", o.machine.threads});
  const Json machine = last_object(f.out);
  if (f.code != 0 || machine.is_null()) return f.code != 0 ? f.code : static_cast<int>(ErrorKind::Internal);
  return Run(o, machine).run();
}

}  // namespace fledge::bench
