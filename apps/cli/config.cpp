#include "apps/cli/config.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>

#include "apps/cli/toml.h"
#include "apps/cli/toml_bounds.h"
#include "base/environment.h"
#include "base/error.h"
#include "base/escape.h"
#include "base/suggest.h"

namespace fledge {
namespace {

const Verb* verb_named(const std::vector<Verb>& verbs, const std::string& name) {
  for (const Verb& verb : verbs)
    if (verb.name == name) return &verb;
  return nullptr;
}

void require_known(const Verb& verb, const std::string& key, const std::string& where) {
  std::vector<std::string> names = {"help"};
  for (const Field& field : verb.fields)
    if (!field.positional) names.push_back(field.key);
  if (std::find(names.begin(), names.end(), key) != names.end()) return;
  if (key.size() > 80) throw Error(ErrorKind::Usage, "", "--" + key.substr(0, 80) + "...: unknown " + where);
  throw Error(
      ErrorKind::Usage, "", "--" + key + ": unknown " + where,
      suggest(key, names).empty() ? "'fledge " + verb.name + " --help' lists them all" : did_you_mean(key, names));
}

std::string value_text(const toml::node& node, const std::string& file) {
  if (const auto* s = node.as_string()) return unescaped(s->get());
  if (const auto* b = node.as_boolean()) return b->get() ? "true" : "false";
  if (const auto* i = node.as_integer()) return std::to_string(i->get());
  if (const auto* f = node.as_floating_point()) {
    std::ostringstream out;
    out.precision(17);
    out << f->get();
    return out.str();
  }
  if (const auto* a = node.as_array()) {
    std::string joined;
    for (const auto& element : *a) joined += (joined.empty() ? "" : ",") + value_text(element, file);
    return joined;
  }
  throw Error(ErrorKind::Usage, "",
              file + ":" + std::to_string(node.source().begin.line) + ": value of an unsupported type",
              "use a string, a number, true/false, or a list of them");
}

// CLI11 takes "--name=" for a flag whose value follows: an empty value must be an argument of its own.
void add_flag(const std::string& name, const std::string& value, std::vector<std::string>& flags) {
  if (!value.empty()) return flags.push_back("--" + name + "=" + value);
  flags.push_back("--" + name);
  flags.push_back("");
}

// Tables only group keys; a key means the same flag wherever it stands, so it stands once. `lines`: those met so far.
void flatten(const toml::table& table, const Verb& verb, const std::string& file,
             std::map<std::string, unsigned>& lines, std::vector<std::string>& flags) {
  for (const auto& [key, node] : table) {
    if (const auto* inner = node.as_table()) {
      flatten(*inner, verb, file, lines, flags);
      continue;
    }
    const std::string name(key.str());
    const unsigned line = node.source().begin.line;
    const std::string where = file + ":" + std::to_string(line);
    require_known(verb, name, "key in " + where);
    const Field* field = verb.fields.find(name);
    if (!field || field->not_in_config)  // null: "help"
      throw Error(ErrorKind::Usage, "", where + ": '" + name + "' cannot be said in a config file",
                  "say --" + name + " on the command line");
    const auto [before, fresh] = lines.emplace(name, line);
    if (!fresh)
      throw Error(ErrorKind::Usage, "",
                  where + ": '" + name + "' is there before, in line " + std::to_string(before->second),
                  "tables only group keys: say it once");
    add_flag(name, value_text(node, file), flags);
  }
}

/// Of a pipe too, as a shell's <(command) is one; no more than is looked at.
std::string read_config(const std::string& file) {
  const auto refuse = [&](const char* problem) {
    throw Error(ErrorKind::Usage, "", "cannot read config file '" + file + "': " + problem);
  };
  std::error_code unknown;
  if (std::filesystem::is_directory(file, unknown)) refuse("it is a folder");
  std::ifstream in(file, std::ios::binary);
  if (!in) refuse(std::filesystem::exists(file, unknown) || unknown ? "it cannot be opened" : "no such file");
  std::string text(kMaxTomlBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) refuse("it cannot be read");
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

std::vector<std::string> flags_of_file(const Verb& verb, const std::string& file) {
  const std::string text = read_config(file);
  if (const std::string problem = beyond_toml_bounds(text); !problem.empty())
    throw Error(ErrorKind::Usage, "", "cannot use config file '" + file + "': " + problem);
  std::vector<std::string> flags;
  try {
    std::map<std::string, unsigned> lines;
    flatten(toml::parse(text, file), verb, file, lines, flags);
  } catch (const toml::parse_error& e) {
    throw Error(ErrorKind::Usage, "",
                file + ":" + std::to_string(e.source().begin.line) + ": " + std::string(e.description()),
                "the file must be TOML: key = value");
  }
  return flags;
}

std::string preset_file(const std::string& name) {
  namespace fs = std::filesystem;
  const fs::path folder = preset_folder();
  const fs::path file = folder / (name + ".toml");
  if (fs::is_regular_file(file)) return file.string();
  std::vector<std::string> known;
  if (fs::is_directory(folder))
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      if (entry.path().extension() == ".toml")
        known.push_back(fs::relative(entry.path(), folder).replace_extension().generic_string());
  std::sort(known.begin(), known.end());
  throw Error(ErrorKind::Usage, "", "no preset '" + name + "' in " + folder.string(), did_you_mean(name, known));
}

// The value of "--name VALUE" or "--name=VALUE"; empty when absent. Refuses two.
std::string find_value(const std::vector<std::string>& arguments, const std::string& name) {
  std::string value;
  int found = 0;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == name && i + 1 < arguments.size()) value = arguments[i + 1], ++found;
    if (arguments[i].rfind(name + "=", 0) == 0) value = arguments[i].substr(name.size() + 1), ++found;
  }
  if (found > 1) throw Error(ErrorKind::Usage, "", name + " is there twice", "name one file; flags may be added to it");
  return value;
}

}  // namespace

std::string preset_folder() {
  const std::string given = environment("FLEDGE_PRESETS");
  return given.empty() ? FLEDGE_PRESET_FOLDER : given;
}

std::vector<std::string> with_configs(const std::vector<Verb>& verbs, const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments[0].rfind("-", 0) == 0) return arguments;
  const Verb* verb = verb_named(verbs, arguments[0]);
  std::size_t own = 1;
  if (!verb) {
    std::vector<std::string> names;
    for (const Verb& v : verbs) names.push_back(v.name);
    throw Error(ErrorKind::Usage, "", "'" + arguments[0] + "' is no verb", did_you_mean(arguments[0], names));
  }
  if (arguments.size() > 1)
    if (const Verb* action = verb_named(verb->actions, arguments[1])) verb = action, own = 2;
  for (std::size_t i = own; i < arguments.size(); ++i)
    if (arguments[i].rfind("--", 0) == 0 && arguments[i].size() > 2)
      require_known(*verb, arguments[i].substr(2, arguments[i].find('=') - 2), "flag of 'fledge " + verb->name + "'");

  std::vector<std::string> result(arguments.begin(), arguments.begin() + own);
  for (const bool preset : {true, false}) {
    const std::string name = find_value(arguments, preset ? "--preset" : "--config");
    if (name.empty()) continue;
    for (auto& flag : flags_of_file(*verb, preset ? preset_file(name) : name)) result.push_back(flag);
  }
  for (std::size_t i = own; i < arguments.size(); ++i) {
    const std::string& a = arguments[i];
    if (a.rfind("--", 0) == 0 && a.size() > 3 && a.back() == '=')
      add_flag(a.substr(2, a.size() - 3), "", result);
    else
      result.push_back(a);
  }
  return result;
}

}  // namespace fledge
