// libjpeg-turbo's decompressor with Pillow's settings, the library's defaults: accurate integer DCT and smooth
// upsampling. Private to io/image.
#pragma once
#include <csetjmp>
#include <cstdint>
#include <cstdio>

// After <cstdio>: jpeglib.h uses FILE and size_t without including them.
#include <jpeglib.h>

#include "io/image/formats.h"

namespace fledge {

/// Where the rows of a picture go: into `image`, turned upright by `orientation`.
struct RowTarget {
  Image& image;
  int orientation;
  bool cmyk;
  std::uint8_t* band;  // kJpegBand rows as stored; null: rows go straight into the image
};
constexpr int kJpegBand = 8;  // rows that are decoded before they are put in their place

/// libjpeg reports by callback and is left by longjmp, so nothing with a destructor lives in the functions that return
/// false on an error; then message() says what was wrong.
class JpegDecompressor {
 public:
  JpegDecompressor();
  ~JpegDecompressor();
  JpegDecompressor(const JpegDecompressor&) = delete;
  JpegDecompressor& operator=(const JpegDecompressor&) = delete;

  bool read_header(const std::uint8_t* bytes, std::size_t size);
  /// Room for what the library keeps of a picture with several scans, beside the pixels.
  void allow_memory(std::int64_t bytes) { info_.mem->max_memory_to_use = static_cast<long>(bytes); }
  /// The whole picture.
  bool read_pixels(const RowTarget& target);

  /// What has to be decoded for the pixels of `box` to be those of the whole picture: from the left border of a block,
  /// and with a colour sample more on each side, which upsampling looks at.
  PixelBox with_borders(const PixelBox& box) const;
  /// From here on the picture is 1/by of its size, each side rounded up; by 2, 4 or 8. Behind read_header().
  void shrink(int by);
  /// The pixels of `part`, a result of with_borders(), in rows of 3 bytes a pixel. Only of a picture in one scan.
  bool read_part(const PixelBox& part, std::uint8_t* rgb);
  /// What is left of the file behind a part, without making pixels of it: is it sound? `row`: room for one of the part.
  bool read_rest(std::uint8_t* row);

  int width() const { return static_cast<int>(info_.image_width); }
  int height() const { return static_cast<int>(info_.image_height); }
  int output_width() const { return (width() + by_ - 1) / by_; }
  int output_height() const { return (height() + by_ - 1) / by_; }
  bool progressive() const { return info_.progressive_mode; }
  bool opened() const { return info_.mem != nullptr; }
  /// Grey or three colors in one scan of Huffman codes: then rows can be passed over, and columns left out.
  bool can_be_parted() const {
    return info_.comps_in_scan == info_.num_components && !info_.progressive_mode && !info_.arith_code &&
           (info_.num_components == 1 || info_.num_components == 3);
  }
  int channels() const { return info_.num_components == 4 ? 4 : 3; }
  const char* message() const { return message_; }
  bool out_of_memory() const { return out_of_memory_; }

 private:
  static JpegDecompressor& self(j_common_ptr info) { return *static_cast<JpegDecompressor*>(info->client_data); }
  [[noreturn]] static void on_error(j_common_ptr info);
  static bool harmless(j_common_ptr info);
  static void on_message(j_common_ptr info, int level);
  static void on_progress(j_common_ptr info);

  jpeg_decompress_struct info_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  char message_[JMSG_LENGTH_MAX] = {};
  bool out_of_memory_ = false;
  int by_ = 1;
  std::jmp_buf jump_;
};

/// Refuses what of a header is too large for the limits.
void check_jpeg_header(const ImageBytes& file, const JpegDecompressor& d, const DecodeLimits& limits);
/// Throws Error(BadInput): what the decompressor found wrong.
[[noreturn]] void bad_jpeg(const ImageBytes& file, const JpegDecompressor& d);
/// The band's rows, from `first` on, to where they belong in the upright picture of stored size width x height.
void put_jpeg_rows(const RowTarget& target, int width, int height, int first, int rows);

}  // namespace fledge
