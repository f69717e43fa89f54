#include "data/exif_choice.h"

namespace fledge {
namespace {

ExifChoice& choice_of_process() {
  static ExifChoice choice = ExifChoice::Auto;
  return choice;
}

}  // namespace

void set_exif_choice(ExifChoice choice) { choice_of_process() = choice; }

ExifRotation exif_rotation(bool published) {
  const ExifChoice choice = choice_of_process();
  const bool apply = choice == ExifChoice::On || (choice == ExifChoice::Auto && !published);
  return apply ? ExifRotation::Apply : ExifRotation::Ignore;
}

std::optional<bool> exif_said() {
  const ExifChoice choice = choice_of_process();
  return choice == ExifChoice::Auto ? std::nullopt : std::optional(choice == ExifChoice::On);
}

}  // namespace fledge
