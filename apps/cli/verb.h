// A verb of the fledge binary: its flags, and what it does.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "train/spec/field.h"

namespace fledge {

struct Verb {
  /// `examples`: lines under the help. A verb that takes configs has --config, --preset and --print-config.
  Verb(std::string verb_name, std::string verb_summary, std::string examples, bool takes_config);

  std::string name, summary, footer;
  Fields fields;
  std::vector<Verb> actions;                                             // verbs of a verb: "data verify"
  bool chosen = false;                                                   // on the command line
  std::function<int(const Verb& verb, const std::string& command)> run;  // gives the exit code

  bool print_config() const { return config_flags_ && config_flags_->print; }

 private:
  struct ConfigFlags {
    std::string config, preset;
    bool print = false;
  };
  std::shared_ptr<ConfigFlags> config_flags_;
};

/// Refuses (Usage) flags that were given another value than their own default and that `passed_over` names, by
/// group and key: "--classes says nothing WHEN".
void refuse_passed_over(const Verb& verb, const std::string& when,
                        const std::function<bool(const std::string& group, const std::string& key)>& passed_over);

}  // namespace fledge
