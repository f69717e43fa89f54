// fledge doctor: what this machine has and what fledge will use of it.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "apps/cli/config.h"
#include "apps/verbs/verbs.h"
#include "base/processor.h"
#include "kernels/api/backend.h"
#include "tensor/context.h"
#include "train/compute.h"
#include "train/spec/options.h"

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

/// What the GPU is, or what keeps it from being used.
void add_gpu(nlohmann::ordered_json& report) {
  const GpuModule& module = gpu_module();
  report["gpu_module"] = module.path;
  if (!module.backend) {
    report["gpu"] = "none: " + module.missing;
    report["gpu_hint"] = module.hint;
    return;
  }
  const DeviceRuntime& runtime = *module.backend->runtime;
  const DeviceProperties first = runtime.properties(0);
  report["gpu_driver"] = first.driver;
  for (const auto& [library, version] : first.libraries) report[library] = version;
  report["gpus"] = nlohmann::ordered_json::array();
  for (int i = 0; i < runtime.device_count(); ++i) {
    const DeviceProperties p = runtime.properties(i);
    report["gpus"].push_back({{"name", p.name},
                              {"compute_capability", fmt::format("{}.{}", p.major, p.minor)},
                              {"multiprocessors", p.multiprocessors},
                              {"memory_gib", static_cast<double>(p.memory_bytes) / (1 << 30)},
                              {"memory_free_gib", static_cast<double>(p.free_bytes) / (1 << 30)},
                              {"emulated", p.emulated}});
  }
}

void print_gpu(int index, const nlohmann::ordered_json& gpu) {
  fmt::print("{:<22} {}, compute capability {}, {} multiprocessors, {:.1f} GiB ({:.1f} free){}\n",
             fmt::format("gpu {}", index), gpu["name"].get<std::string>(), gpu["compute_capability"].get<std::string>(),
             gpu["multiprocessors"].get<int>(), gpu["memory_gib"].get<double>(), gpu["memory_free_gib"].get<double>(),
             gpu["emulated"].get<bool>() ? ", emulated on the CPU: for checking only" : "");
}

int run_doctor(const MachineSpec& machine, bool json) {
  set_num_threads(machine.threads);
  compute_of(machine);  // looks at the options; with no GPU in use, all can be asked what memory they have
  const CpuLibrary library = cpu_library();
  nlohmann::ordered_json report = {
      {"fledge", FLEDGE_VERSION},
      {"processor", processor_name()},
      {"cores", std::thread::hardware_concurrency()},
      {"threads", num_threads()},
      {"isa", cpu_isa()},
      {"isa_supported", cpu_isa_supported()},
      {"onednn", library.version},
      {"onednn_isa", library.isa},
      {"memory_gib", gibibytes("MemTotal")},
      {"memory_available_gib", gibibytes("MemAvailable")},
      {"presets", preset_folder()},
      {"presets_found", std::filesystem::is_directory(preset_folder())},
  };
  add_gpu(report);
  if (json) {
    std::printf("%s\n", report.dump().c_str());
    return 0;
  }
  for (const auto& [key, value] : report.items()) {
    if (value.is_array())
      for (std::size_t i = 0; i < value.size(); ++i) print_gpu(static_cast<int>(i), value[i]);
    else if (value.is_number_float())
      std::printf("%-22s %.1f\n", key.c_str(), value.get<double>());
    else
      std::printf("%-22s %s\n", key.c_str(),
                  value.is_string() ? value.get<std::string>().c_str() : value.dump().c_str());
  }
  return 0;
}

}  // namespace

Verb doctor_verb() {
  Verb verb("doctor", "Say what this machine has: instruction set, threads, oneDNN, memory, GPU, driver, cuDNN.",
            "  fledge doctor\n  fledge doctor --json\n  FLEDGE_CPU_ISA=avx2 fledge doctor\n", false);
  Fields& f = verb.fields;
  auto machine = std::make_shared<MachineSpec>();
  auto json = std::make_shared<bool>(false);
  f.group("Output");
  f.add_switch("json", *json, "one JSON object");
  bind_machine(f, *machine);
  verb.run = [machine, json](const Verb&, const std::string&) { return run_doctor(*machine, *json); };
  return verb;
}

}  // namespace fledge
