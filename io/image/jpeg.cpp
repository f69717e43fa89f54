// JPEG through libjpeg-turbo with Pillow's settings: accurate integer DCT and
// smooth upsampling (the library's defaults).

#include <csetjmp>
#include <cstdio>
#include <cstring>

// After <cstdio>: jpeglib.h uses FILE and size_t without including them.
#include <jpeglib.h>

#include <jerror.h>

#include "io/image/formats.h"
#include "io/image/orientation.h"

namespace fledge {
namespace {

// A progressive file of a few kB may hold thousands of scans over the whole picture; real ones have about ten. Many are
// let through for small pictures only, since each costs time even when it says nothing.
constexpr int kMaxScans = 100, kUsualScans = 20;
constexpr std::int64_t kMaxScannedPixels = 256ll << 20;
constexpr int kBand = 8;  // rows that are decoded before they are put in their place

/// Where the rows of a picture go: into `image`, turned upright by `orientation`.
struct RowTarget {
  Image& image;
  int orientation;
  bool cmyk;
  std::uint8_t* band;  // kBand rows as stored; null: rows go straight into the image
};

void put_rows(const RowTarget& target, int width, int height, int first, int rows);

/// libjpeg reports by callback and is left by longjmp, so nothing with a
/// destructor lives between setjmp and the calls below.
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

  /// Room for what the library keeps of a picture with several scans, beside the pixels.
  void allow_memory(std::int64_t bytes) { info_.mem->max_memory_to_use = static_cast<long>(bytes); }

  bool read_pixels(const RowTarget& target) {
    if (setjmp(jump_)) return false;
    info_.out_color_space = target.cmyk ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(&info_);
    const std::size_t stride = static_cast<std::size_t>(info_.output_width) * info_.output_components;
    while (info_.output_scanline < info_.output_height) {
      const JDIMENSION first = info_.output_scanline;
      const JDIMENSION left = info_.output_height - first, wanted = left < kBand ? left : kBand;
      std::uint8_t* to = target.band ? target.band : target.image.rgb.data() + first * stride;
      while (info_.output_scanline < first + wanted) {
        JSAMPROW rows[kBand];
        const JDIMENSION done = info_.output_scanline - first;
        for (JDIMENSION i = 0; i < wanted - done; ++i) rows[i] = to + (done + i) * stride;
        jpeg_read_scanlines(&info_, rows, wanted - done);
      }
      if (target.band) put_rows(target, width(), height(), static_cast<int>(first), static_cast<int>(wanted));
    }
    jpeg_finish_decompress(&info_);
    return true;
  }

  int width() const { return static_cast<int>(info_.image_width); }
  int height() const { return static_cast<int>(info_.image_height); }
  bool progressive() const { return info_.progressive_mode; }
  int channels() const { return info_.num_components == 4 ? 4 : 3; }
  const char* message() const { return message_; }
  bool out_of_memory() const { return out_of_memory_; }

 private:
  static Decompressor& self(j_common_ptr info) { return *static_cast<Decompressor*>(info->client_data); }

  [[noreturn]] static void on_error(j_common_ptr info) {
    info->err->format_message(info, self(info).message_);
    self(info).out_of_memory_ = info->err->msg_code == JERR_NO_BACKING_STORE;  // what it would do without the limit
    std::longjmp(self(info).jump_, 1);
  }

  /// Most warnings mean lost pixels, which the library paints over with grey (HIT_MARKER, JPEG_EOF, HUFF_BAD_CODE,
  /// ARITH_BAD_CODE, MUST_RESYNC, BOGUS_PROGRESSION): the picture is bad. These lose none:
  static bool harmless(j_common_ptr info) {
    switch (info->err->msg_code) {
      case JWRN_ADOBE_XFORM:     // a colour transform nobody knows: the usual one is taken, by Pillow as well
      case JWRN_JFIF_MAJOR:      // a version number
      case JWRN_BOGUS_ICC:       // a colour profile, which is not looked at
      case JWRN_NOT_SEQUENTIAL:  // numbers of a scan that mean something in progressive files only
        return true;
      case JWRN_EXTRANEOUS_DATA: {  // stray bytes before a marker: within a scan they stand for rows that are damaged
        const int marker = info->err->msg_parm.i[1];
        return marker < 0xd0 || marker > 0xd7;
      }
      default:
        return false;
    }
  }

  static void on_message(j_common_ptr info, int level) {
    if (level < 0 && !harmless(info)) on_error(info);
  }

  static void on_progress(j_common_ptr info) {
    Decompressor& d = self(info);
    const int scan = d.info_.input_scan_number;
    if (scan <= kUsualScans) return;
    const std::int64_t pixels = std::int64_t{d.info_.image_width} * d.info_.image_height;
    if (scan <= kMaxScans && scan * pixels <= kMaxScannedPixels) return;
    std::snprintf(d.message_, sizeof d.message_, "more than %d progressive scans", scan - 1);
    std::longjmp(d.jump_, 1);
  }

  jpeg_decompress_struct info_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  char message_[JMSG_LENGTH_MAX] = {};
  bool out_of_memory_ = false;
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

/// The band's rows, from `first` on, to where they belong in the upright picture of stored size width x height.
void put_rows(const RowTarget& target, int width, int height, int first, int rows) {
  const std::size_t stride = static_cast<std::size_t>(width) * (target.cmyk ? 4 : 3);
  if (target.cmyk)  // in place: a pixel is written behind where it was read
    cmyk_to_rgb(target.band, static_cast<std::size_t>(width) * rows, target.band);
  const std::size_t rgb_stride = target.cmyk ? static_cast<std::size_t>(width) * 3 : stride;
  Image& image = target.image;
  if (!on_its_side(target.orientation)) {
    for (int r = 0; r < rows; ++r) std::memcpy(image.row(first + r), target.band + r * rgb_stride, rgb_stride);
    return;
  }
  const bool x_from_end = target.orientation == 6 || target.orientation == 7;
  const bool y_from_end = target.orientation == 7 || target.orientation == 8;
  for (int x = 0; x < width; ++x) {
    std::uint8_t* row = image.row(y_from_end ? width - 1 - x : x);
    for (int r = 0; r < rows; ++r) {
      const int column = x_from_end ? height - 1 - (first + r) : first + r;
      std::memcpy(row + 3 * column, target.band + r * rgb_stride + 3 * x, 3);
    }
  }
}

[[noreturn]] void bad_jpeg(const ImageBytes& file, const Decompressor& d) {
  if (d.out_of_memory())
    bad_image(file.name,
              "too large: " + std::to_string(d.width()) + "x" + std::to_string(d.height()) +
                  " pixels in several scans take more memory than the limit",
              "shrink it, or allow more with --max-image-mb");
  std::string text = d.message();
  const bool cut = text.find("remature end") != std::string::npos;
  bad_image(file.name, (cut ? "the JPEG is truncated or corrupt (" : "the JPEG is corrupt (") + text + ")");
}

}  // namespace

Image decode_jpeg(const ImageBytes& file, const DecodeRequest& request) {
  Decompressor d;
  if (!d.read_header(file.data, file.size)) bad_jpeg(file, d);
  const int width = d.width(), height = d.height();
  check_dimensions(file.name, width, height, request.limits);
  check_memory(file, width, height, 3, request.limits);
  check_work(file, width, height, static_cast<std::int64_t>(file.size), d.progressive() ? kProgressiveWork : kJpegWork,
             request.limits);
  const bool turn = on_its_side(request.orientation), cmyk = d.channels() == 4;
  Image image{turn ? height : width, turn ? width : height, {}};
  image.rgb.resize(static_cast<std::size_t>(width) * height * 3);
  std::vector<std::uint8_t> band(turn || cmyk ? static_cast<std::size_t>(width) * d.channels() * kBand : 0);
  constexpr std::int64_t kStrips = 1 << 20;  // what the library needs of any picture is not counted as its scans
  d.allow_memory(memory_allowed(file, request.limits) - static_cast<std::int64_t>(image.rgb.size()) + kStrips);
  if (!d.read_pixels({image, request.orientation, cmyk, band.empty() ? nullptr : band.data()})) bad_jpeg(file, d);
  if (!turn) turn_upright(image, request.orientation);
  return image;
}

}  // namespace fledge
