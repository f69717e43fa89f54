// Which data sets turn their pictures by the orientation that a camera wrote into them.
#pragma once
#include <optional>

#include "io/image/image.h"

namespace fledge {

/// Auto: folders, lists and single files do, published data sets (CUB, Cars,
/// SOP) keep the pixels that others trained on.
enum class ExifChoice { Auto, On, Off };

/// Of this process, for the data sets opened afterwards.
void set_exif_choice(ExifChoice choice);
/// What a data set does; `published`: it is one of the literature, as distributed.
ExifRotation exif_rotation(bool published);
/// On or off, where it was said for all data sets.
std::optional<bool> exif_said();

}  // namespace fledge
