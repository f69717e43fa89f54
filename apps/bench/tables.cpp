#include "apps/bench/tables.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "train/spec/words.h"

namespace fledge::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kShareShown = 0.01;  // of the step

void line(const std::string& text) {
  std::printf("%s\n", text.c_str());
  std::fflush(stdout);  // a row may take minutes
}

/// "-" where it is not there.
std::string number(const Json& j, const char* key, int decimals, double factor = 1) {
  return j.contains(key) ? fmt::format("{:.{}f}", factor * j[key].get<double>(), decimals) : "-";
}

struct Cells {
  std::string name, threads, median, minimum, spread, cpu, rate, mib, last;
};
std::string row(const Cells& c) {
  std::string text = fmt::format("{:<42} {:>7} {:>9} {:>9} {:>8} {:>9} {:>9} {:>8}  {:>8}", c.name, c.threads, c.median,
                                 c.minimum, c.spread, c.cpu, c.rate, c.mib, c.last);
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

std::string percent(double share) { return fmt::format("{:+.0f} %", 100 * share); }

/// "+12 %": how much longer a step takes with --deterministic strict; "" where that was not looked at.
std::string strict_cost(const Json& result) {
  const Json strict = result.value("strict", Json::object());
  return strict.contains("slowdown") ? percent(strict["slowdown"].get<double>()) : "";
}

/// By how much the worst round's median lies above the best round's.
std::string spread(const Json& answer) {
  const Json rounds = answer.value("rounds", Json::array());
  double least = 0, most = 0;
  for (const Json& ms : rounds) {
    const double value = ms.get<double>();
    least = least == 0 ? value : std::min(least, value);
    most = std::max(most, value);
  }
  return rounds.size() > 1 && least > 0 ? percent(most / least - 1) : "-";
}

/// The line of fledge, or of a peer.
void print_answer(const std::string& name, const Json& result, const Json& answer, bool on_device,
                  const std::string& last) {
  if (answer.contains("error"))
    return line(fmt::format("{:<42} {:>7} {}", name, result.value("threads", 0), answer.value("error", "")));
  const double batch = result.value("batch", 1.0), factor = on_device ? 1 : 1 / batch;
  const double ms = answer.value("median_ms", 0.0);
  line(row({name, std::to_string(result.value("threads", 0)), number(answer, "median_ms", 3, factor),
            number(answer, "minimum_ms", 3, factor), spread(answer), number(answer, "cpu_ms", 3, factor),
            fmt::format("{:.0f}", ms > 0 ? 1e3 * batch / ms : 0), number(answer, "peak_mib", 0), last}));
}

/// "fledge against the fastest, onnxruntime, tuned: time 1.05x, processor time 1.02x, memory 2.10x"
void print_ratios(const Json& result) {
  if (!result.contains("best")) return;
  const Json& best = result["peers"][result["best"].get<std::size_t>()];
  std::string text = fmt::format("  fledge against the fastest ({}, {}): time {:.2f}x", best.value("peer", ""),
                                 best.value("variant", ""), result.value("ratio", 0.0));
  if (result.contains("cpu_ratio")) text += fmt::format(", processor time {:.2f}x", result.value("cpu_ratio", 0.0));
  if (result.contains("memory_ratio")) text += fmt::format(", memory {:.2f}x", result.value("memory_ratio", 0.0));
  line(text);
}

}  // namespace

void print_heading(const BenchOptions& o, const Json& machine, const std::vector<std::string>& peers) {
  const bool on_device = machine.value("on_device", false);
  const std::string where = on_device
                                ? fmt::format("{}{}", machine.value("device", ""),
                                              machine.value("emulated", false) ? ", emulated: times mean nothing" : "")
                                : machine.value("processor", "");
  line(fmt::format("ms per {} at {} px, best median of {} round(s); {}", on_device ? "step" : "picture", o.size,
                   o.rounds, where));
  if (!peers.empty()) line(fmt::format("beside {}, {}", fmt::join(peers, ", "), word(o.machine.precision)));
  line(row({"case", "threads", "median", "minimum", "spread", "cpu", "per s", "MiB",
            on_device           ? "reserved"
            : o.against.empty() ? "strict"
                                : ""}));
}

void print_row(const Json& result, bool on_device) {
  const Json& own = result["fledge"];
  const Json peers = result.value("peers", Json::array());
  const std::string name = result.value("case", "");
  print_answer(name, result, own, on_device, on_device ? number(own, "reserved_mib", 0) : strict_cost(result));
  for (const Json& peer : peers)
    print_answer(fmt::format("  {}, {}", peer.value("peer", ""), peer.value("variant", "")), result, peer, on_device,
                 on_device ? number(peer, "reserved_mib", 0) : "");
  print_ratios(result);
}

void print_footing(const Json& machine, bool with_peers) {
  const bool on_device = machine.value("on_device", false);
  line("spread: the worst round's median above the best one's; cpu: of all threads together");
  line(fmt::format("MiB: {}", on_device ? "the most in use by tensors and workspaces; reserved: taken from the driver"
                                        : "the most resident memory"));
  if (!on_device && !with_peers)
    line("strict: how much longer a step takes with --deterministic strict, beside repeat in turns");
  if (with_peers)
    line(
        "ratios: the fastest peer's time and memory, and the least processor time of any, over fledge's; above 1 "
        "fledge is faster, or needs less");
}

void print_kernels(const std::string& case_text, const Json& profile) {
  if (profile.contains("error")) return line(fmt::format("\nkernels of {}: {}", case_text, profile.value("error", "")));
  const double step = profile.value("step_ms", 0.0);
  std::string peaks = fmt::format("{:.1f} GFLOP/s", 1e-9 * profile.value("peak_flops", 0.0));
  if (profile.value("peak_bf16_flops", 0.0) > 0)
    peaks += fmt::format(", bfloat16 {:.1f}", 1e-9 * profile.value("peak_bf16_flops", 0.0));
  line(fmt::format("\nkernels of {}: {:.3f} ms a step, run plainly; peaks measured here: {}, {:.1f} GB/s", case_text,
                   step, peaks, 1e-9 * profile.value("peak_bytes_per_second", 0.0)));
  line(fmt::format("{:<27} {:>5} {:>9} {:>7} {:>9} {:>8} {:>9}  {}", "kernel", "calls", "ms", "% step", "GFLOP/s",
                   "GB/s", "% roof", "problem"));
  double all = 0, rest = 0;
  std::int64_t rest_calls = 0;
  for (const Json& k : profile["kernels"]) {
    const double ms = k.value("ms", 0.0);
    all += ms;
    if (ms < kShareShown * step) {
      rest += ms;
      rest_calls += k.value("calls", std::int64_t{0});
      continue;
    }
    const double flops = k.value("flops", 0.0);
    line(fmt::format("{:<27} {:>5} {:>9.3f} {:>7.1f} {:>9} {:>8.1f} {:>9.1f}  {}", k.value("op", ""),
                     k.value("calls", std::int64_t{0}), ms, 100 * ms / step,
                     flops > 0 ? fmt::format("{:.1f}", 1e-6 * flops / ms) : "-", 1e-6 * k.value("bytes", 0.0) / ms,
                     100 * k.value("roofline", 0.0), k.value("descriptor", "")));
  }
  const auto remainder = [&](const char* name, const std::string& calls, double ms) {
    line(fmt::format("{:<27} {:>5} {:>9.3f} {:>7.1f}", name, calls, ms, 100 * ms / step));
  };
  remainder("each below 1 %", std::to_string(rest_calls), rest);
  remainder("between kernels", "", step - all);
}

}  // namespace fledge::bench
