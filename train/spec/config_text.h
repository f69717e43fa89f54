// A run's settings as text: config.toml, what has changed in it since, and what a teacher's kept outputs depend on. The
// rules are those of the rows (field.h).
#pragma once
#include <string>

#include "train/spec/field.h"
#include "train/spec/run_spec.h"

namespace fledge {

/// The rows as they now stand, as a TOML file that can be given to --config.
std::string config_text(const Fields& fields);
/// Of a whole run: with the group of distillation where it has a teacher.
std::string config_text(RunSpec spec);

/// Which lines of `now` make it another run than `before`: "lr = \"0.1\", epochs = \"3\""; "" when none does.
std::string changed_settings(const std::string& before, const std::string& now);

/// The settings that what a teacher says of a picture depends on, a line each: "flip = 0.5".
std::string teacher_settings(RunSpec spec);

}  // namespace fledge
