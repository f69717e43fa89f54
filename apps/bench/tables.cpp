#include "apps/bench/tables.h"
#include "train/spec/words.h"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

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

std::string row(const std::string& name, const std::string& own, const std::string& minimum, const std::string& rate,
                const std::string& peer, const std::string& ratio, const std::string& mib, const std::string& reserved,
                const std::string& peer_mib, const std::string& memory, const std::string& form) {
  std::string text = fmt::format("{:<40} {:>9} {:>9} {:>10} {:>9} {:>7} {:>8} {:>8} {:>9} {:>7}  {}", name, own,
                                 minimum, rate, peer, ratio, mib, reserved, peer_mib, memory, form);
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

/// "+12 %": how much longer a step takes with --deterministic strict.
std::string strict_cost(const Json& result) {
  const Json strict = result.value("strict", Json::object());
  return strict.contains("slowdown") ? fmt::format("{:+.0f} %", 100 * strict["slowdown"].get<double>()) : "-";
}

std::string times(const Json& j, const char* key) { return j.contains(key) ? number(j, key, 2) + "x" : "-"; }

}  // namespace

void print_heading(const BenchOptions& o, const Json& machine, const std::string& peer) {
  const bool on_device = machine.value("on_device", false);
  const std::string where =
      on_device ? fmt::format("{}{}", machine.value("device", ""),
                              machine.value("emulated", false) ? ", emulated: times mean nothing" : "")
                : fmt::format("{} thread(s), {}", machine.value("threads", 0), machine.value("processor", ""));
  line(fmt::format("ms per {} at {} px, median of the best of {} round(s); {}", on_device ? "step" : "image", o.size,
                   o.rounds, where));
  if (!peer.empty())
    line(fmt::format("{}, {}; its fastest form counts", peer,
                     on_device ? "channels-last, " + word(o.machine.precision) : "eager, float32"));
  line(row("case", "fledge", "minimum", "images/s", "torch", "ratio", "MiB", on_device ? "reserved" : "strict",
           "torch MiB", "memory", "form"));
}

void print_row(const Json& result, bool on_device) {
  const Json& own = result["fledge"];
  const Json peer = result.value("torch", Json::object());
  const std::string name = result.value("case", "");
  if (own.contains("error"))
    return line(fmt::format("{:<40} {}", name, own.value("error", "")));  // in place of numbers
  const double batch = result.value("batch", 1.0), factor = on_device ? 1 : 1 / batch;
  const double ms = own.value("median_ms", 0.0);
  line(row(name, number(own, "median_ms", 3, factor), number(own, "minimum_ms", 3, factor),
           fmt::format("{:.0f}", ms > 0 ? 1e3 * batch / ms : 0), number(peer, "median_ms", 3, factor),
           times(result, "ratio"), number(own, "peak_mib", 0),
           on_device ? number(own, "reserved_mib", 0) : strict_cost(result), number(peer, "peak_mib", 0),
           times(result, "memory_ratio"),
           peer.contains("error") ? "torch: " + peer.value("error", "") : peer.value("form", "")));
}

void print_footing(const Json& machine, bool with_peer) {
  const bool on_device = machine.value("on_device", false);
  line(fmt::format("MiB: {}", on_device ? "the most in use by tensors and workspaces; reserved: taken from the driver"
                                        : "the most resident memory"));
  if (!on_device) line("strict: how much longer a step takes with --deterministic strict, beside repeat in turns");
  if (with_peer) line("ratio, memory: PyTorch's over fledge's; above 1 fledge is faster, or needs less");
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
