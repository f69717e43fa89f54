// JPEG through libjpeg-turbo with Pillow's settings: accurate integer DCT and smooth upsampling (the library's
// defaults).

#include <csetjmp>
#include <cstdio>

// After <cstdio>: jpeglib.h uses FILE and size_t without including them.
#include <jpeglib.h>

#include <jerror.h>

#include "io/image/formats.h"

namespace fledge {

namespace {

// A progressive file of a few kB may hold thousands of scans over the whole picture; real ones have about ten.
constexpr int kMaxScans = 100;

/// libjpeg reports by callback and is left by longjmp, so nothing with a destructor lives between setjmp and the calls
/// below.
class Decompressor {
 public:
  Decompressor() {
    info_.err = jpeg_std_error(&errors_);
    errors_.error_exit = &on_error;
    errors_.emit_message = &on_message;
    errors_.output_message = [](j_common_ptr) {};
    info_.client_data = this;
    progress_.progress_monitor = &on_progress;
  }
  ~Decompressor() {
    jpeg_destroy_decompress(&info_);
  }  // also right when it was never created: the struct starts as zeros
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  bool read_header(const std::uint8_t* bytes, std::size_t size) {
    if (setjmp(jump_)) return false;
    jpeg_create_decompress(&info_);
    info_.client_data = this;
    info_.progress = &progress_;
    jpeg_mem_src(&info_, bytes, size);
    jpeg_read_header(&info_, TRUE);
    return true;
  }

  /// RGB, or CMYK for files of four components; `pixels` holds width * height * channels() bytes.
  bool read_pixels(std::uint8_t* pixels) {
    if (setjmp(jump_)) return false;
    info_.out_color_space = channels() == 4 ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(&info_);
    const std::size_t stride = static_cast<std::size_t>(info_.output_width) * info_.output_components;
    while (info_.output_scanline < info_.output_height) {
      JSAMPROW rows[4];
      for (int i = 0; i < 4; ++i) rows[i] = pixels + (info_.output_scanline + i) * stride;
      const JDIMENSION left = info_.output_height - info_.output_scanline;
      jpeg_read_scanlines(&info_, rows, left < 4 ? left : 4);
    }
    jpeg_finish_decompress(&info_);
    return true;
  }

  int width() const { return static_cast<int>(info_.image_width); }
  int height() const { return static_cast<int>(info_.image_height); }
  int channels() const { return info_.num_components == 4 ? 4 : 3; }
  const char* message() const { return message_; }

 private:
  static Decompressor& self(j_common_ptr info) { return *static_cast<Decompressor*>(info->client_data); }

  [[noreturn]] static void on_error(j_common_ptr info) {
    info->err->format_message(info, self(info).message_);
    std::longjmp(self(info).jump_, 1);
  }

  /// A warning means damaged data, which the library would paint over with grey. Two are about the header's style only.
  static void on_message(j_common_ptr info, int level) {
    if (level >= 0) return;
    const int code = info->err->msg_code;
    if (code != JWRN_ADOBE_XFORM && code != JWRN_JFIF_MAJOR) on_error(info);
  }

  static void on_progress(j_common_ptr info) {
    Decompressor& d = self(info);
    if (d.info_.input_scan_number <= kMaxScans) return;
    std::snprintf(d.message_, sizeof d.message_, "more than %d progressive scans", kMaxScans);
    std::longjmp(d.jump_, 1);
  }

  jpeg_decompress_struct info_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  char message_[JMSG_LENGTH_MAX] = {};
  std::jmp_buf jump_;
};

/// Adobe's inverted CMYK, as Pillow reads every four-component JPEG: ink c, black k -> (255 - k) - (255 - k) * c / 255.
void cmyk_to_rgb(const std::uint8_t* cmyk, std::size_t pixels, std::uint8_t* rgb) {
  for (std::size_t i = 0; i < pixels; ++i, cmyk += 4, rgb += 3) {
    const int white = cmyk[3];
    for (int c = 0; c < 3; ++c) {
      const int product = (255 - cmyk[c]) * white + 128;
      const int value = white - (((product >> 8) + product) >> 8);
      rgb[c] = static_cast<std::uint8_t>(value < 0 ? 0 : value);
    }
  }
}

[[noreturn]] void bad_jpeg(const ImageBytes& file, const Decompressor& d) {
  std::string text = d.message();
  const bool cut = text.find("remature end") != std::string::npos;
  bad_image(file.name, (cut ? "the JPEG is truncated or corrupt (" : "the JPEG is corrupt (") + text + ")");
}

}  // namespace

Image decode_jpeg(const ImageBytes& file, const DecodeLimits& limits) {
  Decompressor d;
  if (!d.read_header(file.data, file.size)) bad_jpeg(file, d);
  check_dimensions(file.name, d.width(), d.height(), limits);
  Image image{d.width(), d.height(), {}};
  const std::size_t pixels = static_cast<std::size_t>(image.width) * image.height;
  image.rgb.resize(pixels * 3);
  if (d.channels() == 3) {
    if (!d.read_pixels(image.rgb.data())) bad_jpeg(file, d);
    return image;
  }
  std::vector<std::uint8_t> cmyk(pixels * 4);
  if (!d.read_pixels(cmyk.data())) bad_jpeg(file, d);
  cmyk_to_rgb(cmyk.data(), pixels, image.rgb.data());
  return image;
}

}  // namespace fledge
