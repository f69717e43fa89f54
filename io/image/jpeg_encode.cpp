// JPEG writing through libjpeg-turbo with Pillow's settings.

#include <csetjmp>
#include <cstdio>
#include <cstdlib>

// After <cstdio>: jpeglib.h uses FILE and size_t without including them.
#include <jpeglib.h>

#include "base/error.h"
#include "io/image/image.h"

namespace fledge {
namespace {

/// Left by longjmp on an error, so nothing with a destructor lives between setjmp and the calls below.
class Compressor {
 public:
  Compressor() {
    info_.err = jpeg_std_error(&errors_);
    errors_.error_exit = &on_error;
    errors_.output_message = [](j_common_ptr) {};
    info_.client_data = this;
  }
  ~Compressor() {
    jpeg_destroy_compress(&info_);  // also right when it was never created: the struct starts as zeros
    std::free(bytes_);
  }
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;

  bool write(const Image& image, int quality) {
    if (setjmp(jump_)) return false;
    jpeg_create_compress(&info_);
    info_.client_data = this;
    jpeg_mem_dest(&info_, &bytes_, &size_);
    info_.image_width = static_cast<JDIMENSION>(image.width);
    info_.image_height = static_cast<JDIMENSION>(image.height);
    info_.input_components = 3;
    info_.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info_);
    jpeg_set_quality(&info_, quality, TRUE);
    jpeg_start_compress(&info_, TRUE);
    while (info_.next_scanline < info_.image_height) {
      JSAMPROW row = const_cast<std::uint8_t*>(image.row(static_cast<int>(info_.next_scanline)));
      jpeg_write_scanlines(&info_, &row, 1);
    }
    jpeg_finish_compress(&info_);
    return true;
  }

  std::vector<std::uint8_t> bytes() const { return {bytes_, bytes_ + size_}; }
  const char* message() const { return message_; }

 private:
  [[noreturn]] static void on_error(j_common_ptr info) {
    Compressor& c = *static_cast<Compressor*>(info->client_data);
    info->err->format_message(info, c.message_);
    std::longjmp(c.jump_, 1);
  }

  jpeg_compress_struct info_{};
  jpeg_error_mgr errors_{};
  unsigned char* bytes_ = nullptr;
  unsigned long size_ = 0;
  char message_[JMSG_LENGTH_MAX] = {};
  std::jmp_buf jump_;
};

}  // namespace

std::vector<std::uint8_t> encode_jpeg(const Image& image, int quality) {
  if (image.empty() || quality < 1 || quality > 100)
    throw Error(ErrorKind::Usage, "encode_jpeg",
                "quality " + std::to_string(quality) + " of a picture of " + std::to_string(image.width) + "x" +
                    std::to_string(image.height) + ": the quality lies between 1 and 100, the picture is not empty");
  Compressor c;
  if (!c.write(image, quality))
    throw Error(ErrorKind::Resource, "encode_jpeg", std::string("cannot write a JPEG: ") + c.message());
  return c.bytes();
}

}  // namespace fledge
