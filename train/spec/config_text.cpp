#include "train/spec/config_text.h"

#include <set>
#include <sstream>

#include "base/escape.h"
#include "train/spec/options.h"

namespace fledge {
namespace {

/// TOML holds neither control characters nor bytes that are not UTF-8: \xNN in the text, which value_text() takes back.
std::string config_line(const std::string& key, const std::string& value) {
  std::string escaped;
  for (const char c : escaped_for_line(value))
    escaped += (c == '"' || c == '\\') ? std::string("\\") + c : std::string(1, c);
  return key + " = \"" + escaped + "\"\n";
}

/// The rows of every run, for their rules.
Fields rows_of(RunSpec& spec) {
  Fields rows;
  bind_training(rows, spec, true);
  return rows;
}

bool has_key(const std::string& config, const std::string& key) {
  return config.starts_with(key + " = ") || config.find("\n" + key + " = ") != std::string::npos;
}

/// Does the run choose a checkpoint by what it measures?
bool chooses(const std::string& config) {
  return config.find("\nvalidation = \"0\"\n") == std::string::npos ||
         config.find("\nselect = \"test\"\n") != std::string::npos;
}

/// May a run go on although this line is not in its config?
bool may_change(const Field* row, const std::string& line, const std::string& before, bool choosing) {
  if (!row) return false;
  if (row->before && !has_key(before, row->key) &&
      (row->before->empty() || line + "\n" == config_line(row->key, *row->before)))
    return true;
  return row->on_resume == OnResume::Free || (row->on_resume == OnResume::FreeUnlessChoosing && !choosing);
}

}  // namespace

std::string config_text(const Fields& fields) {
  std::string text, group;
  for (const Field& field : fields) {
    if (field.positional || field.not_in_config) continue;
    if (field.group != group) text += (text.empty() ? "# " : "\n# ") + (group = field.group) + "\n";
    text += config_line(field.key, field.text());
  }
  return text;
}

std::string config_text(RunSpec spec) {
  Fields rows;
  bind_training(rows, spec, !spec.loss.teacher.empty());
  return config_text(rows);
}

std::string changed_settings(const std::string& before, const std::string& now) {
  RunSpec any;
  const Fields rows = rows_of(any);
  const bool choosing = chooses(now);
  std::set<std::string> old;
  std::string line, changed;
  for (std::istringstream in(before); std::getline(in, line);) old.insert(line);
  for (std::istringstream in(now); std::getline(in, line);) {
    if (old.count(line) || may_change(rows.find(line.substr(0, line.find(' '))), line, before, choosing)) continue;
    changed += (changed.empty() ? "" : ", ") + line;
  }
  return changed;
}

std::string teacher_settings(RunSpec spec) {
  std::string text;
  for (const Field& row : rows_of(spec)) {
    // Younger than caches that people have: where it is as it was for those, they stay good.
    const bool younger = row.key == "fast-decode" || row.key == "teacher-precision";
    const bool as_before = younger && row.value_text() == *row.before;
    if (row.seen_by_teacher && !as_before) text += row.key + " = " + row.value_text() + "\n";
  }
  return text;
}

}  // namespace fledge
