// How a camera was held: the EXIF orientation of a picture's file, and the pixels turned by it as Pillow's
// ImageOps.exif_transpose turns them.
#pragma once
#include "io/image/formats.h"

namespace fledge {

/// 1 to 8 as EXIF numbers them; 1 (as stored) where a file says nothing, or says it in a damaged way, as Pillow takes
/// it. Read from APP1 of a JPEG, eXIf of a PNG, EXIF of a WebP, else from the XMP packet beside it. BMP has none. Never
/// throws: what is wrong with the file itself the decoder says.
int orientation_of(const ImageBytes& file, ImageFormat format);

/// Are width and height exchanged?
inline bool on_its_side(int orientation) { return orientation >= 5; }
/// Where a rectangle of the upright picture lies in the stored one of width x height, and the other way round.
PixelBox box_as_stored(const PixelBox& upright, int width, int height, int orientation);
PixelBox box_upright(const PixelBox& stored, int width, int height, int orientation);
/// The picture as it should be looked at. Orientations 1 to 4 need no memory, 5 to 8 that of a second picture.
void turn_upright(Image& image, int orientation);

}  // namespace fledge
