// fledge doctor: what this machine has and what fledge will use of it.
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "apps/common/config.h"
#include "apps/common/options.h"
#include "apps/verbs/verbs.h"
#include "kernels/api/backend.h"
#include "tensor/context.h"

namespace fledge {
namespace {

// A "Name: value" line of a /proc file; empty when it is not there.
std::string proc_value(const char* file, const std::string& name) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);)
    if (line.rfind(name, 0) == 0) {
      const auto colon = line.find(':');
      const auto start = line.find_first_not_of(" \t", colon + 1);
      return start == std::string::npos ? "" : line.substr(start);
    }
  return "";
}

double gibibytes(const char* name) { return std::atof(proc_value("/proc/meminfo", name).c_str()) / (1024.0 * 1024.0); }

int nvidia_devices() {
  int count = 0;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/driver/nvidia/gpus", ignored))
    count += entry.is_directory();
  return count;
}

int run_doctor(const MachineOptions& machine, bool json) {
  apply(machine);
  const int gpus = nvidia_devices();
  const nlohmann::ordered_json report = {
      {"fledge", FLEDGE_VERSION},
      {"processor", proc_value("/proc/cpuinfo", "model name")},
      {"cores", std::thread::hardware_concurrency()},
      {"threads", num_threads()},
      {"isa", cpu_isa()},
      {"isa_supported", cpu_isa_supported()},
      {"onednn", onednn_version()},
      {"memory_gib", gibibytes("MemTotal")},
      {"memory_available_gib", gibibytes("MemAvailable")},
      {"gpus", gpus},
      {"gpu_backend", "none in this version"},
      {"presets", preset_folder()},
      {"presets_found", std::filesystem::is_directory(preset_folder())},
  };
  if (json) {
    std::printf("%s\n", report.dump().c_str());
    return 0;
  }
  for (const auto& [key, value] : report.items()) {
    if (value.is_number_float())
      std::printf("%-22s %.1f\n", key.c_str(), value.get<double>());
    else
      std::printf("%-22s %s\n", key.c_str(),
                  value.is_string() ? value.get<std::string>().c_str() : value.dump().c_str());
  }
  if (gpus > 0) std::printf("note: this version computes on the CPU; the GPU stays idle\n");
  return 0;
}

}  // namespace

RunVerb add_doctor(CLI::App& app) {
  CLI::App* verb =
      app.add_subcommand("doctor", "Say what this machine has: instruction set, threads, oneDNN, memory, GPUs.");
  verb->footer(help_footer("  fledge doctor\n  fledge doctor --json\n  FLEDGE_CPU_ISA=avx2 fledge doctor\n"));
  auto machine = std::make_shared<MachineOptions>();
  auto json = std::make_shared<bool>(false);
  verb->add_flag("--json", *json, "one JSON object")->group("Output");
  bind_machine(*verb, *machine);
  return [machine, json](const std::string&) { return run_doctor(*machine, *json); };
}

}  // namespace fledge
