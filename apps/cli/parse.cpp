#include "apps/cli/parse.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "apps/cli/config.h"
#include "apps/cli/value_text.h"
#include "base/error.h"

namespace fledge {
namespace {

CLI::Validator at_least_zero() {
  return CLI::Validator(
      [](std::string& value) {
        return std::strtod(value.c_str(), nullptr) >= 0 ? std::string() : value + " is below 0";
      },
      "NONNEGATIVE");
}

/// CLI11's options for a verb's fields.
class Binding {
 public:
  Binding(CLI::App& app, Verb& verb) {
    for (Field& field : verb.fields) bound_.push_back({&field, add(app, field)});
    for (Verb& action : verb.actions) {
      CLI::App* inner = app.add_subcommand(action.name, action.summary);
      inner->footer(verb.footer);
      inner_.emplace_back(&action, inner);
      actions_.push_back(std::make_unique<Binding>(*inner, action));
    }
    if (!verb.actions.empty()) app.require_subcommand(1);
  }

  /// After parsing: what was given goes to the fields.
  void take_up() {
    for (auto& [field, option] : bound_) {
      if (option->count() == 0) continue;
      field->given = option->results();
      if (const auto* words = std::get_if<Words>(&field->target)) words->set(field->given.back());
      if (field->check) field->check(field->given.back());
    }
    for (auto& action : actions_) action->take_up();
    for (auto& [verb, app] : inner_) verb->chosen = app->parsed();
  }

 private:
  CLI::Option* add(CLI::App& app, Field& field) {
    const std::string name =
        field.positional ? field.key : (field.letter ? std::string("-") + field.letter + "," : "") + "--" + field.key;
    CLI::Option* option = std::visit(
        [&](auto& target) -> CLI::Option* {
          using Target = std::decay_t<decltype(target)>;
          if constexpr (std::is_same_v<Target, Switch>)
            return app.add_flag(name, *target.on, field.help);
          else if constexpr (std::is_same_v<Target, Words>)
            return app.add_option(name, said_.emplace_back(target.get()), field.help);
          else
            return app.add_option(name, *target, field.help);
        },
        field.target);
    if (field.repeatable) option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    if (field.repeatable && !field.positional) option->default_str(field.initial);
    if (field.whole_range) option->check(CLI::Range(field.whole_range->first, field.whole_range->second));
    if (field.range) option->check(CLI::Range(field.range->first, field.range->second));
    if (field.not_negative) option->check(at_least_zero());
    if (!field.choices.empty()) option->check(CLI::IsMember(field.choices));
    if (!field.positional) option->group(field.group);
    check_text(*option);
    return option;
  }

  static void check_text(CLI::Option& option) {
    const std::string type = option.get_type_name();
    const auto first = [&](std::string (*check)(std::string&)) { option.transform(CLI::Validator(check, "")); };
    if (type.starts_with("INT") || type.starts_with("UINT")) first(whole_number);
    const bool endless = option.get_default_str() == "inf";  // a bound that is none unless it is set
    if (type.starts_with("FLOAT")) first(endless ? number : finite_number);
    if (type.starts_with("BOOLEAN")) first(truth);
  }

  std::vector<std::pair<Field*, CLI::Option*>> bound_;
  std::deque<std::string> said_;
  std::vector<std::pair<Verb*, CLI::App*>> inner_;
  std::vector<std::unique_ptr<Binding>> actions_;
};

}  // namespace

Parsed parse(std::vector<Verb>& verbs, const std::vector<std::string>& arguments) {
  CLI::App app("fledge trains compact image-embedding networks that learn from a teacher (Yu et al., CVPR 2019).",
               "fledge");
  app.require_subcommand(1);
  app.set_version_flag("--version", FLEDGE_VERSION);
  app.option_defaults()->always_capture_default()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.footer("'fledge VERB --help' shows a verb's flags with examples.");
  std::vector<std::string> expanded = with_configs(verbs, arguments);
  std::vector<CLI::App*> apps;
  std::vector<std::unique_ptr<Binding>> bindings;
  for (Verb& verb : verbs) {
    apps.push_back(app.add_subcommand(verb.name, verb.summary));
    apps.back()->footer(verb.footer);
    const bool named = std::find(expanded.begin(), expanded.end(), verb.name) != expanded.end();
    bindings.push_back(named ? std::make_unique<Binding>(*apps.back(), verb) : nullptr);  // the flags of all take 3 ms
  }
  std::reverse(expanded.begin(), expanded.end());  // CLI11 takes them from the back
  try {
    app.parse(expanded);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return {nullptr, app.exit(e)};  // --help, --version
    throw Error(ErrorKind::Usage, "", e.what(), "'fledge --help' lists verbs, 'fledge VERB --help' their flags");
  }
  for (std::size_t i = 0; i < verbs.size(); ++i) {
    if (!apps[i]->parsed()) continue;
    bindings[i]->take_up();
    return {&verbs[i], 0};
  }
  return {};
}

}  // namespace fledge
