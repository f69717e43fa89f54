#include "io/image/jpeg_decompressor.h"

#include <algorithm>

#include <jerror.h>

namespace fledge {
namespace {

// A progressive file of a few kB may hold thousands of scans over the whole picture; real ones have about ten. Many are
// let through for small pictures only, since each costs time even when it says nothing.
constexpr int kMaxScans = 100, kUsualScans = 20;
constexpr std::int64_t kMaxScannedPixels = 256ll << 20;

}  // namespace

JpegDecompressor::JpegDecompressor() {
  info_.err = jpeg_std_error(&errors_);
  errors_.error_exit = &on_error;
  errors_.emit_message = &on_message;
  errors_.output_message = [](j_common_ptr) {};
  info_.client_data = this;
  progress_.progress_monitor = &on_progress;
}

JpegDecompressor::~JpegDecompressor() {
  jpeg_destroy_decompress(&info_);
}  // also right when it was never created: the struct starts as zeros

bool JpegDecompressor::read_header(const std::uint8_t* bytes, std::size_t size) {
  if (setjmp(jump_)) return false;
  jpeg_create_decompress(&info_);
  info_.client_data = this;
  info_.progress = &progress_;
  jpeg_mem_src(&info_, bytes, size);
  jpeg_read_header(&info_, TRUE);
  return true;
}

bool JpegDecompressor::read_pixels(const RowTarget& target) {
  if (setjmp(jump_)) return false;
  info_.out_color_space = target.cmyk ? JCS_CMYK : JCS_RGB;
  jpeg_start_decompress(&info_);
  const std::size_t stride = static_cast<std::size_t>(info_.output_width) * info_.output_components;
  while (info_.output_scanline < info_.output_height) {
    const JDIMENSION first = info_.output_scanline;
    const JDIMENSION left = info_.output_height - first, wanted = left < kJpegBand ? left : kJpegBand;
    std::uint8_t* to = target.band ? target.band : target.image.rgb.data() + first * stride;
    while (info_.output_scanline < first + wanted) {
      JSAMPROW rows[kJpegBand];
      const JDIMENSION done = info_.output_scanline - first;
      for (JDIMENSION i = 0; i < wanted - done; ++i) rows[i] = to + (done + i) * stride;
      jpeg_read_scanlines(&info_, rows, wanted - done);
    }
    if (target.band) put_jpeg_rows(target, width(), height(), static_cast<int>(first), static_cast<int>(wanted));
  }
  jpeg_finish_decompress(&info_);
  return true;
}

void JpegDecompressor::shrink(int by) {
  by_ = by;
  info_.scale_num = 1, info_.scale_denom = static_cast<unsigned>(by);
}

PixelBox JpegDecompressor::with_borders(const PixelBox& box) const {
  const int across = info_.max_h_samp_factor, down = info_.max_v_samp_factor;
  const int block = DCTSIZE / by_ * (info_.num_components == 1 ? 1 : across);
  const int left = std::max(0, box.left - across) / block * block, top = std::max(0, box.top - down);
  const int right = std::min(output_width(), box.left + box.width + across);
  return {left, top, right - left, std::min(output_height(), box.top + box.height + down) - top};
}

bool JpegDecompressor::read_part(const PixelBox& part, std::uint8_t* rgb) {
  if (setjmp(jump_)) return false;
  info_.out_color_space = JCS_RGB;
  jpeg_start_decompress(&info_);
  JDIMENSION left = static_cast<JDIMENSION>(part.left), across = static_cast<JDIMENSION>(part.width);
  if (across < info_.output_width) jpeg_crop_scanline(&info_, &left, &across);
  if (left != static_cast<JDIMENSION>(part.left) || across != static_cast<JDIMENSION>(part.width)) {
    std::snprintf(message_, sizeof message_, "its columns from %d on cannot be decoded alone", part.left);
    return false;
  }
  if (part.top > 0) jpeg_skip_scanlines(&info_, static_cast<JDIMENSION>(part.top));
  const JDIMENSION first = info_.output_scanline, rows = static_cast<JDIMENSION>(part.height);
  const std::size_t stride = static_cast<std::size_t>(part.width) * 3;
  while (info_.output_scanline < first + rows) {
    JSAMPROW row = rgb + (info_.output_scanline - first) * stride;
    jpeg_read_scanlines(&info_, &row, 1);
  }
  return true;
}

bool JpegDecompressor::read_rest(std::uint8_t* row) {
  if (setjmp(jump_)) return false;
  // Skipping to the very end would not read what is skipped.
  const JDIMENSION left = info_.output_height - info_.output_scanline;
  if (left > 1) jpeg_skip_scanlines(&info_, left - 1);
  JSAMPROW last = row;
  if (left > 0) jpeg_read_scanlines(&info_, &last, 1);
  jpeg_finish_decompress(&info_);
  return true;
}

void JpegDecompressor::on_error(j_common_ptr info) {
  info->err->format_message(info, self(info).message_);
  self(info).out_of_memory_ = info->err->msg_code == JERR_NO_BACKING_STORE;  // what it would do without the limit
  std::longjmp(self(info).jump_, 1);
}

/// Most warnings mean lost pixels, which the library paints over with grey (HIT_MARKER, JPEG_EOF, HUFF_BAD_CODE,
/// ARITH_BAD_CODE, MUST_RESYNC, BOGUS_PROGRESSION): the picture is bad. These lose none:
bool JpegDecompressor::harmless(j_common_ptr info) {
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

void JpegDecompressor::on_message(j_common_ptr info, int level) {
  if (level < 0 && !harmless(info)) on_error(info);
}

void JpegDecompressor::on_progress(j_common_ptr info) {
  JpegDecompressor& d = self(info);
  const int scan = d.info_.input_scan_number;
  if (scan <= kUsualScans) return;
  const std::int64_t pixels = std::int64_t{d.info_.image_width} * d.info_.image_height;
  if (scan <= kMaxScans && scan * pixels <= kMaxScannedPixels) return;
  std::snprintf(d.message_, sizeof d.message_, "more than %d progressive scans", scan - 1);
  std::longjmp(d.jump_, 1);
}

}  // namespace fledge
