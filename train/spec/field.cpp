#include "train/spec/field.h"

#include <sstream>

#include "base/error.h"

namespace fledge {
namespace {

struct TextOf {
  std::string operator()(const std::string* value) const { return *value; }
  std::string operator()(const std::vector<std::string>* values) const {
    std::string joined;
    for (const std::string& value : *values) joined += (joined.empty() ? "" : ",") + value;
    return "[" + joined + "]";
  }
  std::string operator()(const Switch&) const { return ""; }
  std::string operator()(const Words& words) const { return words.get(); }
  template <class Number>
  std::string operator()(const Number* value) const {
    std::ostringstream text;
    text << *value;
    return text.str();
  }
};

}  // namespace

std::string Field::text() const {
  if (!given.empty()) return given.back();
  return is_switch() && initial.empty() ? "false" : initial;
}

std::string Field::value_text() const {
  if (const auto* on = std::get_if<Switch>(&target)) return *on->on ? "true" : "false";
  if (const auto* number = std::get_if<double*>(&target)) {
    std::ostringstream text;
    text.precision(17);
    text << **number;
    return text.str();
  }
  return std::visit(TextOf{}, target);
}

Field& Fields::add_row(const std::string& key, FieldTarget target, const std::string& help) {
  if (find(key))  // of a loss that a program registered, most likely
    throw Error(ErrorKind::Usage, "settings", "two of them are named '" + key + "'",
                "an option of a loss cannot have the name of another setting");
  Field& field = rows_.emplace_back();
  field.key = key;
  field.group = group_;
  field.help = help;
  field.target = std::move(target);
  field.initial = std::visit(TextOf{}, field.target);
  return field;
}

const Field* Fields::find(const std::string& key) const {
  for (const Field& field : rows_)
    if (field.key == key) return &field;
  return nullptr;
}

Field* Fields::find(const std::string& key) { return const_cast<Field*>(std::as_const(*this).find(key)); }

void Fields::say(const std::string& key, const std::string& value) {
  if (Field* field = find(key)) field->given = {value};
}

bool Fields::given(const std::string& key) const {
  const Field* field = find(key);
  return field && !field->given.empty();
}

}  // namespace fledge
