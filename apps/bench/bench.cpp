#include "apps/bench/bench.h"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "apps/bench/cases.h"
#include "apps/bench/peer.h"
#include "apps/bench/process.h"
#include "apps/bench/tables.h"
#include "base/error.h"
#include "train/spec/words.h"

namespace fledge::bench {
namespace {

using Json = nlohmann::ordered_json;

/// This program again, for one task.
Finished run_self(const BenchOptions& o, const std::string& task, const std::string& case_text) {
  std::vector<std::string> words = {own_program(),     "bench",
                                    "--child",         task,
                                    "--device",        o.machine.device,
                                    "--precision",     word(o.machine.precision),
                                    "--threads",       std::to_string(o.machine.threads),
                                    "--deterministic", word(o.machine.deterministic),
                                    "--autotune",      word(o.machine.autotune),
                                    "--size",          std::to_string(o.size),
                                    "--seconds",       std::to_string(o.seconds),
                                    "--step-graph",    word(o.step_graph)};
  if (!case_text.empty()) words.push_back(case_text);
  std::vector<std::pair<std::string, std::string>> environment;
  if (o.machine.threads > 0) environment.emplace_back("OMP_NUM_THREADS", std::to_string(o.machine.threads));
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

/// Of two answers the one with the better median; an error loses against a time.
void keep_better(Json& best, Json answer) {
  const auto ms = [](const Json& j) { return j.value("median_ms", 1e300); };
  if (best.is_null() || ms(answer) < ms(best)) best = std::move(answer);
}

class Run {
 public:
  Run(const BenchOptions& o, Json machine) : o_(o), machine_(std::move(machine)) {
    for (const std::string& text : o_.cases.empty() ? default_cases(on_device()) : o_.cases)
      cases_.push_back(parse_case(text));
    if (o_.against == "torch") peer_.emplace(o_, on_device(), machine_.value("threads", 1));
  }

  int run() {
    note_missing_peer();
    Json results = Json::array();
    if (!o_.json) print_heading(o_, machine_, peer_version());
    for (const BenchCase& c : cases_) {
      results.push_back(time_case(c));
      if (!o_.json) print_row(results.back(), on_device());
    }
    if (!o_.json) print_footing(machine_, !peer_version().empty());
    if (o_.kernels)
      for (std::size_t i = 0; i < cases_.size(); ++i) profile_case(cases_[i], results[i]);
    if (o_.json) print_json(std::move(results));
    return code_;
  }

 private:
  bool on_device() const { return machine_.value("on_device", false); }
  std::string peer_version() const { return peer_ ? peer_->version() : ""; }

  void note_missing_peer() const {
    if (peer_ && peer_->version().empty())
      std::fprintf(stderr, "note: fledge only: PyTorch cannot be used by '%s': %s\n", o_.python.c_str(),
                   peer_->missing().c_str());
  }
  void progress(const BenchCase& c, const std::string& who) const {
    if (!o_.machine.quiet) std::fprintf(stderr, "%s: %s\n", c.text.c_str(), who.c_str());
  }

  Json ask_self(const BenchCase& c, const std::string& task) {
    const Finished f = run_self(o_, task, c.text);
    if (is_failure(f)) code_ = f.signal ? static_cast<int>(ErrorKind::Internal) : f.code;
    return answer_of(f);
  }

  /// In turns, so that a drifting machine harms all alike; the better median of each counts.
  Json time_case(const BenchCase& c) {
    Json own;
    std::vector<std::pair<std::string, Json>> forms;
    if (!peer_version().empty())
      for (const std::string& form : peer_->forms()) forms.emplace_back(form, Json());
    for (int round = 0; round < o_.rounds; ++round) {
      if (!own.contains("error")) {
        progress(c, "fledge");
        keep_better(own, ask_self(c, "time"));
      }
      for (auto& [form, best] : forms) {
        if (best.contains("error")) continue;  // it would be the same again
        progress(c, "torch, " + form);
        keep_better(best, peer_->run(c.text, form));
      }
    }
    Json result = {{"case", c.text}, {"batch", c.batch}, {"fledge", own}};
    Json best;
    for (auto& [form, answer] : forms) {
      answer["form"] = form;
      keep_better(best, answer);
      result["torch_forms"].push_back(answer);
    }
    if (!best.is_null()) result["torch"] = best;
    if (!on_device() && !own.contains("error")) {  // a GPU's kernels have no threads of the host's
      progress(c, "fledge, --deterministic strict");
      result["strict"] = ask_self(c, "strict");
    }
    add_ratios(result);
    return result;
  }

  static void add_ratios(Json& result) {
    const Json own = result["fledge"], peer = result.value("torch", Json::object());
    const auto ratio = [&](const char* name, const char* key) {
      if (own.contains(key) && peer.contains(key) && own[key] > 0)
        result[name] = peer[key].get<double>() / own[key].get<double>();
    };
    ratio("ratio", "median_ms");
    ratio("memory_ratio", "peak_mib");
  }

  void profile_case(const BenchCase& c, Json& result) {
    progress(c, "kernels");
    result["profile"] = ask_self(c, "kernels");
    if (!o_.json) print_kernels(c.text, result["profile"]);
  }

  void print_json(Json results) const {
    Json j = {{"machine", machine_},
              {"size", o_.size},
              {"rounds", o_.rounds},
              {"torch", peer_version().empty() ? Json() : Json(peer_version())},
              {"cases", std::move(results)}};
    std::printf("%s\n", j.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
  }

  const BenchOptions& o_;
  const Json machine_;
  std::vector<BenchCase> cases_;
  std::optional<TorchPeer> peer_;
  int code_ = 0;
};

}  // namespace

int run_bench(const BenchOptions& o) {
  if (!o.child.empty()) return run_child(o);
  // Asked of a process of its own: a look at a GPU takes some of its memory for as long as the process lives.
  const Finished f = run_self(o, "machine", "");
  const Json machine = last_object(f.out);
  if (f.code != 0 || machine.is_null()) return f.code != 0 ? f.code : static_cast<int>(ErrorKind::Internal);
  return Run(o, machine).run();
}

}  // namespace fledge::bench
