#include "apps/cli/verb.h"

#include "base/error.h"

namespace fledge {
namespace {

const std::string kEverywhere =
    "\nEnvironment: FLEDGE_CPU_ISA=sse4|avx2|avx512 caps the instruction set, FLEDGE_CPU_KERNELS=ref|simd|onednn picks "
    "the kernels,\n"
    "  FLEDGE_VERBOSE=1 prints kernels and copies, FLEDGE_PRESETS names the folder of presets.\n"
    "Exit codes: 0 done, 1 unexpected, 2 usage or config, 3 bad input file, 4 no resource (disk, memory, device), 5 "
    "numerical guard,\n"
    "  130/143 stopped by SIGINT/SIGTERM after a good checkpoint.\n";

}  // namespace

Verb::Verb(std::string verb_name, std::string verb_summary, std::string examples, bool takes_config)
    : name(std::move(verb_name)), summary(std::move(verb_summary)), footer("Examples:\n" + examples + kEverywhere) {
  if (!takes_config) return;
  config_flags_ = std::make_shared<ConfigFlags>();
  fields.group("Config");
  fields.add("config", config_flags_->config, "TOML file; every key is one of these flags, the command line wins");
  fields.add("preset", config_flags_->preset, "a shipped config by name, e.g. fashion-mnist/teacher");
  fields.add_switch("print-config", config_flags_->print, "print the resolved config as TOML and stop");
  for (Field& field : fields) field.not_in_config = true;
}

void refuse_passed_over(const Verb& verb, const std::string& when,
                        const std::function<bool(const std::string&, const std::string&)>& passed_over) {
  for (const Field& field : verb.fields) {
    if (field.given.empty() || field.positional) continue;
    const std::string own = field.is_switch() ? "false" : field.initial;
    if (field.given.back() != own && passed_over(field.group, field.key))
      throw Error(ErrorKind::Usage, "", "--" + field.key + " says nothing " + when, "leave it out");
  }
}

}  // namespace fledge
