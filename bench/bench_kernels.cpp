// Times the convolution kernels of one or more CPU tables on the problems of case files, after checking their results.
// usage: bench_kernels [--tables simd,onednn] [--cases FILE,...] [--ops forward,fused,grad_input,grad_weight]
//                      [--batch N] [--threads N] [--cold] [--training] [Google Benchmark's own flags]
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <vector>

#include "bench/conv_check.h"
#include "bench/conv_tensors.h"
#include "kernels/api/backend.h"
#include "kernels/profile/machine.h"

namespace fledge::bench {
namespace {

struct Options {
  std::vector<std::string> tables{"onednn"};
  std::vector<std::string> files{std::string(FLEDGE_BENCH_CASES) + "/mobilenet025.txt"};
  std::vector<std::string> ops{"forward", "grad_input", "grad_weight"};
  long batch = 0;  // 0: as the case says
  int threads = 1;
  bool cold = false;      // caches are emptied before each run
  bool training = false;  // weights change before each run, so packed copies are made anew
};

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  std::stringstream stream(list);
  for (std::string part; std::getline(stream, part, ',');)
    if (!part.empty()) parts.push_back(part);
  return parts;
}

Error usage(const std::string& problem) {
  return Error(ErrorKind::Usage, "bench_kernels", problem,
               "options: --tables, --cases, --ops, --batch, --threads, --cold, --training, --benchmark_...");
}

/// Takes "--name value" and "--name=value"; what is left after Google Benchmark took its own must be ours.
Options parse_options(int argc, char** argv) {
  Options o;
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i], value;
    const auto equals = name.find('=');
    const bool flag = name == "--cold" || name == "--training";
    if (equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    } else if (!flag) {
      if (i + 1 == argc) throw usage("'" + name + "' needs a value or is unknown");
      value = argv[++i];
    }
    if (name == "--tables")
      o.tables = split(value);
    else if (name == "--cases")
      o.files = split(value);
    else if (name == "--ops")
      o.ops = split(value);
    else if (name == "--batch")
      o.batch = std::atol(value.c_str());
    else if (name == "--threads")
      o.threads = std::atoi(value.c_str());
    else if (name == "--cold")
      o.cold = true;
    else if (name == "--training")
      o.training = true;
    else
      throw usage("unknown option '" + name + "'");
  }
  if (o.threads < 1) throw usage("--threads must be at least 1");
  return o;
}

std::vector<ConvCase> read_cases(const Options& o) {
  std::vector<ConvCase> cases;
  for (std::string file : o.files) {
    if (!std::ifstream(file)) file = std::string(FLEDGE_BENCH_CASES) + "/" + file;
    std::ifstream in(file);
    if (!in) throw Error(ErrorKind::BadInput, "bench_kernels", "cannot read '" + file + "'", "see bench/cases");
    std::string line;
    for (int number = 1; std::getline(in, line); ++number) {
      if (line.empty() || line[0] == '#') continue;
      auto c = parse_conv_case(line);
      if (!c)
        throw Error(ErrorKind::BadInput, "bench_kernels",
                    file + ":" + std::to_string(number) + ": not a problem: " + line,
                    "write it like n8c64h56w56k64r3s3 stride1x1 pad1,1,1,1 groups1");
      if (o.batch > 0) c->x[0] = o.batch;
      cases.push_back(*c);
    }
  }
  return cases;
}

Direction direction_of(const std::string& name) {
  for (Direction d : {Direction::Forward, Direction::Fused, Direction::GradInput, Direction::GradWeight})
    if (name == name_of(d)) return d;
  throw usage("unknown op '" + name + "'");
}

/// More than any cache holds.
void empty_caches() {
  static std::vector<char> junk(256u << 20);
  for (std::size_t i = 0; i < junk.size(); i += 64) ++junk[i];
  benchmark::ClobberMemory();
}

struct Summary {
  std::vector<std::string> rows;                                // in order
  std::map<std::string, std::map<std::string, double>> min_ms;  // row -> table -> ms
  int wrong = 0;
};

/// The tensors of the problem at hand; problems come in order, so one at a time is kept.
ConvTensors& tensors_of(const ConvCase& c) {
  static std::string current;
  static std::unique_ptr<ConvTensors> tensors;
  if (current != c.descriptor()) {
    tensors.reset();
    tensors = std::make_unique<ConvTensors>(c);
    current = c.descriptor();
  }
  return *tensors;
}

void run_case(benchmark::State& state, const ConvCase& c, Direction d, const std::string& table_name, const Options& o,
              double peak, Summary& summary) {
  static ExecContext ctx(o.threads);
  const KernelTable& table = cpu_table(table_name, DType::Float32);
  ConvTensors& t = tensors_of(c);
  if (!has_entry(table, d)) return state.SkipWithError("not in this table");
  std::fill_n(t.result(d).view.as<float>(), t.result(d).view.numel(), NAN);
  t.run(table, ctx, d, c.params);
  const std::string wrong = check_result(c, t, d, ctx, cpu_table("ref", DType::Float32));
  if (!wrong.empty()) {
    ++summary.wrong;
    return state.SkipWithError(("WRONG RESULT, not timed: " + wrong).c_str());
  }

  std::vector<double> seconds;
  for (auto _ : state) {
    if (o.cold) empty_caches();
    if (o.training) ++t.w.view.version;
    const double start = now(o.threads);
    t.run(table, ctx, d, c.params);
    seconds.push_back(now(o.threads) - start);
    state.SetIterationTime(std::max(seconds.back(), 1e-9));
  }
  std::sort(seconds.begin(), seconds.end());
  const double flops = useful_flops(c), best = seconds.front();
  state.counters["min_ms"] = 1e3 * best;
  state.counters["median_ms"] = 1e3 * seconds[seconds.size() / 2];
  state.counters["GFLOP/s"] = 1e-9 * flops / best;
  if (peak > 0) state.counters["%peak"] = 100 * flops / best / (peak * o.threads);
  const std::string row = std::string(name_of(d)) + " " + c.descriptor();
  if (!summary.min_ms.count(row)) summary.rows.push_back(row);
  summary.min_ms[row][table_name] = 1e3 * best;
}

/// On stderr, so that CSV or JSON on stdout stays what it is.
void print_summary(const Options& o, const Summary& summary, double peak) {
  std::fprintf(stderr, "\nmin ms; measured FMA peak %.1f GFLOP/s a core, %d thread(s), oneDNN %s\n%-84s", peak * 1e-9,
               o.threads, cpu_library().version.c_str(), "");
  for (const auto& table : o.tables) std::fprintf(stderr, " %10s", table.c_str());
  for (const auto& row : summary.rows) {
    std::fprintf(stderr, "\n%-84s", row.c_str());
    for (const auto& table : o.tables) {
      const auto& times = summary.min_ms.at(row);
      if (times.count(table))
        std::fprintf(stderr, " %10.4f", times.at(table));
      else
        std::fprintf(stderr, " %10s", "-");
    }
  }
  std::fprintf(stderr, "\n");
}

int run(int argc, char** argv) {
  // A short run unless the command line says otherwise: benchmark's own default is half a second a kernel.
  std::vector<char*> args(argv, argv + argc);
  static char short_time[] = "--benchmark_min_time=0.05";
  args.insert(args.begin() + 1, short_time);
  int count = static_cast<int>(args.size());
  benchmark::Initialize(&count, args.data());
  const Options o = parse_options(count, args.data());
  const double peak = fma_peak();
  Summary summary;
  for (const ConvCase& c : read_cases(o))
    for (const std::string& op : o.ops)
      for (const std::string& table : o.tables) {
        cpu_table(table, DType::Float32);  // an unknown name is refused now
        const Direction d = direction_of(op);
        const std::string name = op + "/" + table + "/" + c.descriptor();
        benchmark::RegisterBenchmark(
            name.c_str(), [=, &summary](benchmark::State& state) { run_case(state, c, d, table, o, peak, summary); })
            ->UseManualTime()
            ->Unit(benchmark::kMillisecond);
      }
  benchmark::RunSpecifiedBenchmarks();
  print_summary(o, summary, peak);
  return summary.wrong ? static_cast<int>(ErrorKind::Numeric) : 0;
}

}  // namespace
}  // namespace fledge::bench

int main(int argc, char** argv) {
  try {
    return fledge::bench::run(argc, argv);
  } catch (const fledge::Error& e) {
    std::cerr << "error: " << e.what() << "\n";
    return static_cast<int>(e.kind());
  }
}
