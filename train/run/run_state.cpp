#include "train/run/run_state.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/escape.h"

namespace fledge {
namespace {

using nlohmann::json;

constexpr std::size_t kMostBytes = std::size_t{16} << 20;
constexpr int kDeepest = 16;
constexpr std::int64_t kMost = std::int64_t{1} << 53;

class StateReader {
 public:
  StateReader(const json& j, const std::string& path) : j_(j), path_(path) {}

  [[noreturn]] void refuse(const std::string& problem) const {
    throw Error(ErrorKind::BadInput, "", "'" + path_ + "' is no run state: " + problem);
  }
  const json& at(const char* key) const {
    const auto found = j_.find(key);
    if (found == j_.end()) refuse(std::string("'") + key + "' is missing");
    return *found;
  }
  bool has(const char* key) const { return j_.contains(key); }
  std::int64_t count(const char* key, std::int64_t least = 0) const {
    const json& v = at(key);
    const bool fits = v.is_number_unsigned() ? v.get<std::uint64_t>() <= static_cast<std::uint64_t>(kMost)
                                             : v.is_number_integer() && v.get<std::int64_t>() >= least;
    if (!fits) refuse(std::string("'") + key + "' cannot be " + v.dump().substr(0, 60));
    return v.get<std::int64_t>();
  }
  std::uint64_t word(const char* key) const {
    const json& v = at(key);
    if (!v.is_number_unsigned()) refuse(std::string("'") + key + "' cannot be " + v.dump().substr(0, 60));
    return v.get<std::uint64_t>();
  }
  bool flag(const char* key) const {
    if (!at(key).is_boolean()) refuse(std::string("'") + key + "' is neither true nor false");
    return at(key).get<bool>();
  }
  double number(const char* key, double least, double most) const {
    const json& v = at(key);
    if (!v.is_number() || !(v.get<double>() >= least && v.get<double>() <= most))
      refuse(std::string("'") + key + "' cannot be " + v.dump().substr(0, 60));
    return v.get<double>();
  }

 private:
  const json& j_;
  const std::string& path_;
};

}  // namespace

std::string state_text(const RunState& s) {
  json j{{"format", "fledge-state-2"},
         {"step", s.step},
         {"epoch", s.epoch},
         {"batch", s.batch},
         {"seed", s.seed},
         {"order_hash", s.order_hash},
         {"finished", s.finished},
         {"evaluation_due", s.evaluation_due},
         {"best", s.best},
         {"best_step", s.best_step},
         {"since_best", s.since_best},
         {"epoch_sums", s.epoch_sums},
         {"log_lines", s.log_lines},
         {"alarms", s.alarms}};
  if (!s.identity.empty()) j["identity"] = s.identity;
  if (!s.autotuned.empty()) j["autotuned"] = s.autotuned;
  if (!(s.not_finite == NotFiniteCounts{}))
    j["not_finite"] = {{"skipped", s.not_finite.skipped},
                       {"of_epoch", s.not_finite.of_epoch},
                       {"in_row", s.not_finite.in_row},
                       {"rollbacks", s.not_finite.rollbacks}};
  if (!s.result.empty()) j["result"] = s.result;
  for (const auto& [name, reason] : s.skipped) j["skipped"][escaped_for_json(name)] = escaped_for_json(reason);
  return j.dump(1);
}

RunState parse_state(const std::vector<std::uint8_t>& bytes, const std::string& path) {
  const auto refuse = [&](const std::string& problem) {
    throw Error(ErrorKind::BadInput, "", "'" + path + "' is no run state: " + problem);
  };
  if (bytes.size() > kMostBytes) refuse("it is larger than any");
  try {
    bool deep = false;
    const json j = json::parse(bytes.begin(), bytes.end(), [&](int depth, json::parse_event_t, json&) {
      deep |= depth > kDeepest;
      return !deep;
    });
    if (deep || !j.is_object()) refuse(deep ? "it is nested too deeply" : "it is no object");
    const StateReader in(j, path);
    const std::string format = in.at("format").get<std::string>();
    if (format != "fledge-state-1" && format != "fledge-state-2")
      refuse("unknown format '" + format.substr(0, 60) + "'; it may come from a later fledge");
    RunState s;
    s.step = in.count("step"), s.epoch = in.count("epoch"), s.batch = in.count("batch"), s.seed = in.word("seed");
    s.order_hash = in.word("order_hash"), s.finished = in.flag("finished");
    if (in.has("evaluation_due")) s.evaluation_due = in.flag("evaluation_due");
    if (in.has("best")) s.best = in.number("best", -1, 1);
    if (in.has("best_step")) s.best_step = in.count("best_step");
    if (in.has("since_best")) s.since_best = in.count("since_best");
    if (s.best_step > s.step) refuse("'best_step' lies beyond 'step'");
    if (s.epoch > s.step || s.batch > s.step) refuse("'epoch' or 'batch' lies beyond 'step'");
    for (const auto& [name, value] : in.at("epoch_sums").items()) {
      if (!value.is_number() && !value.is_null()) refuse("'epoch_sums' holds something else than numbers");
      s.epoch_sums[name] = value.is_null() ? NAN : value.get<double>();
    }
    if (in.has("not_finite")) {
      const StateReader counts(in.at("not_finite"), path);
      s.not_finite = {.skipped = counts.count("skipped"),
                      .of_epoch = counts.count("of_epoch"),
                      .in_row = counts.count("in_row"),
                      .rollbacks = counts.count("rollbacks")};
      if (s.not_finite.skipped > s.step) refuse("more steps were skipped than done");
    }
    if (in.has("log_lines")) s.log_lines = in.count("log_lines", -1);
    if (in.has("alarms")) s.alarms = in.at("alarms").get<std::map<std::string, std::vector<double>>>();
    if (in.has("autotuned")) s.autotuned = in.at("autotuned").get<std::map<std::string, std::string>>();
    if (in.has("identity")) s.identity = in.at("identity").get<std::string>();
    if (in.has("skipped"))
      for (const auto& [name, reason] : in.at("skipped").get<std::map<std::string, std::string>>())
        s.skipped[unescaped(name)] = unescaped(reason);
    if (in.has("result")) s.result = in.at("result").get<std::string>();
    return s;
  } catch (const json::exception& e) {
    refuse(e.what());
    throw;
  }
}

}  // namespace fledge
