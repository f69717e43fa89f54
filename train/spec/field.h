// A named setting: one row that is a flag of the command line, a key of a config file and a line of the help. A verb's
// settings and a training run's are lists of such rows; each is bound to the variable it sets.
#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace fledge {

/// A flag without a value: there or not.
struct Switch {
  bool* on = nullptr;
};

/// A variable of another type that is said in words. Error(Usage): set to none of `all`.
struct Words {
  std::function<std::string()> get;
  std::function<void(const std::string&)> set;
  std::vector<std::string> all;
};

using FieldTarget = std::variant<bool*, int*, std::int64_t*, std::uint64_t*, double*, std::string*,
                                 std::vector<std::string>*, Switch, Words>;

/// What another value does to a run that goes on: it is refused, means nothing for its result, or nothing unless the
/// run chooses a checkpoint by what it measures.
enum class OnResume { Fixed, Free, FreeUnlessChoosing };

struct Field {
  std::string key;    // "batch-size": --batch-size, `batch-size = ` in a config
  std::string group;  // "Data"; "": not listed
  std::string help;
  FieldTarget target;
  std::string initial;  // its default, as text
  bool positional = false;
  bool not_in_config = false;
  bool repeatable = false;  // each occurrence counts, not the last
  char letter = 0;          // 'o': -o too
  std::vector<std::string> choices;
  std::function<void(const std::string&)> check;  // throws Error(Usage) on a value that cannot be; may be null
  std::optional<std::pair<std::int64_t, std::int64_t>> whole_range;
  std::optional<std::pair<double, double>> range;
  bool not_negative = false;
  OnResume on_resume = OnResume::Fixed;
  std::optional<std::string> before;  // what runs did that are older than this setting; "": anything it may be now
  bool seen_by_teacher = false;       // a teacher's output depends on it
  std::vector<std::string> given;     // what the user or a config said; empty: nothing

  bool is_switch() const { return std::holds_alternative<Switch>(target); }
  /// Its value, as it was said.
  std::string text() const;
  /// The variable's value, in one way of writing it.
  std::string value_text() const;

  template <class T>
  Field& between(T low, T high) {
    if constexpr (std::is_floating_point_v<T>)
      range = {low, high};
    else
      whole_range = {low, high};
    return *this;
  }
  Field& at_least_zero() { return not_negative = true, *this; }
  Field& one_of(std::vector<std::string> words) { return choices = std::move(words), *this; }
  Field& checked_by(std::function<void(const std::string&)> look) { return check = std::move(look), *this; }
  Field& with_letter(char c) { return letter = c, *this; }
  Field& free() { return on_resume = OnResume::Free, *this; }
  Field& free_unless_choosing() { return on_resume = OnResume::FreeUnlessChoosing, *this; }
  Field& before_it_was(std::string value) { return before = std::move(value), *this; }
  Field& for_teacher() { return seen_by_teacher = true, *this; }
};

/// The rows of a verb or of a run, in the order of the help.
class Fields {
 public:
  /// The group of the rows added from here on.
  void group(const std::string& name) { group_ = name; }
  /// A row that sets `variable`, which must outlive the list; its value now is the default.
  template <class T>
  Field& add(const std::string& key, T& variable, const std::string& help) {
    return add_row(key, &variable, help);
  }
  Field& add_switch(const std::string& key, bool& on, const std::string& help) {
    return add_row(key, Switch{&on}, help);
  }
  Field& add_words(const std::string& key, Words words, const std::string& help) {
    return add_row(key, std::move(words), help);
  }
  /// Arguments without a name in front.
  template <class T>
  Field& add_positional(const std::string& key, T& variable, const std::string& help) {
    Field& field = add_row(key, &variable, help);
    field.positional = true;
    return field;
  }

  const Field* find(const std::string& key) const;
  Field* find(const std::string& key);
  bool given(const std::string& key) const;
  /// The row, where there is one, was said so; its variable stays as it is.
  void say(const std::string& key, const std::string& value);

  auto begin() const { return rows_.begin(); }
  auto end() const { return rows_.end(); }
  auto begin() { return rows_.begin(); }
  auto end() { return rows_.end(); }

 private:
  Field& add_row(const std::string& key, FieldTarget target, const std::string& help);
  std::deque<Field> rows_;
  std::string group_;
};

}  // namespace fledge
