// PNG through libpng, row by row into the picture: what the header promises bounds what is unfolded, whatever follows
// in the file. Only the chunks that make pixels are looked at.
#include <png.h>
#include <zlib.h>

#include <csetjmp>
#include <cstdio>
#include <cstring>

#include "io/image/formats.h"
#include "io/image/orientation.h"

namespace fledge {
namespace {

/// Walks the chunks: every checksum right, IHDR first, IEND there. libpng itself would pass over damage in some.
void check_png_chunks(const ImageBytes& file) {
  std::size_t at = 8;
  while (true) {
    if (file.size - at < 12)
      bad_image(file.name, "the PNG is truncated: it ends after " + std::to_string(file.size) + " bytes");
    const std::uint32_t length = file.big32(at);
    const std::string type(reinterpret_cast<const char*>(file.data) + at + 4, 4);
    if (at == 8 && (type != "IHDR" || length != 13))
      bad_image(file.name, "the PNG is corrupt: it does not start with IHDR");
    if (length > file.size - at - 12)
      bad_image(file.name,
                "the PNG is truncated: it ends after " + std::to_string(file.size) + " bytes, inside a chunk");
    const std::uint32_t crc =
        static_cast<std::uint32_t>(::crc32_z(0, file.data + at + 4, static_cast<std::size_t>(length) + 4));
    if (crc != file.big32(at + 8 + length))
      bad_image(file.name, "the PNG is corrupt: wrong checksum at byte " + std::to_string(at));
    if (type == "IEND") return;
    at += 12 + static_cast<std::size_t>(length);
  }
}

/// libpng is left by longjmp, so nothing with a destructor lives between setjmp and its calls.
class PngReader {
 public:
  explicit PngReader(const ImageBytes& file) : file_(file) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, &on_error, &on_warning);
    if (png_) info_ = png_create_info_struct(png_);
  }
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  /// To 8-bit RGB: palette and grey unfolded, the high byte of 16 bits, alpha dropped, not blended.
  bool read_header() {
    if (!png_ || !info_) {
      std::snprintf(message_, sizeof message_, "no memory");
      return false;
    }
    if (setjmp(jump_)) return false;
    png_set_read_fn(png_, this, &on_read);
    png_set_crc_action(png_, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);  // looked at before
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    png_set_user_limits(png_, 0x7fffffff, 0x7fffffff);  // check_dimensions knows better
    png_read_info(png_, info_);
    png_set_expand(png_);
    png_set_strip_16(png_);
    png_set_strip_alpha(png_);
    png_set_gray_to_rgb(png_);
    passes_ = png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    return true;
  }

  /// No further than the last row: what is packed behind it is nobody's pixels.
  bool read_pixels(Image& image) {
    if (setjmp(jump_)) return false;
    for (int pass = 0; pass < passes_; ++pass)
      for (int y = 0; y < image.height; ++y) png_read_row(png_, image.row(y), nullptr);
    return true;
  }

  std::size_t row_bytes() const { return png_get_rowbytes(png_, info_); }
  const char* message() const { return message_; }

 private:
  static PngReader& self(png_structp png) { return *static_cast<PngReader*>(png_get_error_ptr(png)); }
  [[noreturn]] static void on_error(png_structp png, png_const_charp text) {
    PngReader& reader = self(png);
    std::snprintf(reader.message_, sizeof reader.message_, "%s", text);
    std::longjmp(reader.jump_, 1);
  }
  static void on_warning(png_structp, png_const_charp) {}
  static void on_read(png_structp png, png_bytep to, std::size_t size) {
    PngReader& reader = *static_cast<PngReader*>(png_get_io_ptr(png));
    if (size > reader.file_.size - reader.at_) png_error(png, "it ends early");
    std::memcpy(to, reader.file_.data + reader.at_, size);
    reader.at_ += size;
  }

  const ImageBytes& file_;
  std::size_t at_ = 0;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  int passes_ = 1;
  char message_[128] = {};
  std::jmp_buf jump_;
};

[[noreturn]] void bad_png(const ImageBytes& file, const PngReader& reader) {
  bad_image(file.name, std::string("the PNG is corrupt or of an unsupported kind (") + reader.message() + ")");
}

/// Of all rows as they are packed, which are never held as a whole.
std::int64_t unfolded_bytes(const ImageBytes& file, std::int64_t width, std::int64_t height) {
  const int depth = file.data[24], kind = file.data[25];
  const int samples = kind == PNG_COLOR_TYPE_RGB          ? 3
                      : kind == PNG_COLOR_TYPE_RGB_ALPHA  ? 4
                      : kind == PNG_COLOR_TYPE_GRAY_ALPHA ? 2
                                                          : 1;
  return height * ((width * samples * depth + 7) / 8);
}

}  // namespace

Image decode_png(const ImageBytes& file, const DecodeRequest& request) {
  check_png_chunks(file);
  const std::int64_t width = file.big32(16), height = file.big32(20);
  check_dimensions(file.name, width, height, request.limits);
  check_memory(file, width, height, on_its_side(request.orientation) ? 6 : 3, request.limits);
  check_work(file, width, height, unfolded_bytes(file, width, height), file.data[28] == 0 ? kPngWork : kInterlacedWork,
             request.limits);
  PngReader reader(file);
  if (!reader.read_header()) bad_png(file, reader);
  Image image{static_cast<int>(width), static_cast<int>(height), {}};
  if (reader.row_bytes() != static_cast<std::size_t>(width) * 3) bad_image(file.name, "the PNG is of an unknown kind");
  image.rgb.resize(static_cast<std::size_t>(width) * height * 3);
  if (!reader.read_pixels(image)) bad_png(file, reader);
  turn_upright(image, request.orientation);
  return image;
}

}  // namespace fledge
