#include "tests/io/image/made_pictures.h"

#include <zlib.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

// After <cstdio>: jpeglib.h uses FILE and size_t without including them.
#include <jpeglib.h>
#include <webp/encode.h>

namespace fledge::test {

namespace {

void chunk(Bytes& png, const std::string& type, const Bytes& data) {
  big32(png, static_cast<std::uint32_t>(data.size()));
  Bytes body(type.begin(), type.end());
  body.insert(body.end(), data.begin(), data.end());
  png.insert(png.end(), body.begin(), body.end());
  big32(png, static_cast<std::uint32_t>(::crc32(0, body.data(), static_cast<uInt>(body.size()))));
}

/// How many rows of how many bytes: of the picture, or of each of the seven passes of an interlaced one.
std::vector<std::pair<std::size_t, std::size_t>> filtered_rows(std::size_t width, std::size_t height, std::size_t bits,
                                                               bool interlaced) {
  if (!interlaced) return {{height, (width * bits + 7) / 8}};
  constexpr std::size_t kPasses[7][4] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                                         {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
  std::vector<std::pair<std::size_t, std::size_t>> all;
  for (const auto& [x, y, dx, dy] : kPasses) {
    const std::size_t columns = width > x ? (width - x + dx - 1) / dx : 0,
                      rows = height > y ? (height - y + dy - 1) / dy : 0;
    if (columns > 0 && rows > 0) all.emplace_back(rows, (columns * bits + 7) / 8);
  }
  return all;
}

/// Bytes that repeat after a while and look random in between.
Bytes noise(std::size_t size) {
  Bytes bytes(size);
  std::uint32_t state = 1;
  for (std::uint8_t& b : bytes) state = state * 1664525u + 1013904223u, b = static_cast<std::uint8_t>(state >> 24);
  return bytes;
}

/// zlib at its best: what takes longest to unfold again.
class Packer {
 public:
  Packer() { REQUIRE(::deflateInit(&z_, 9) == Z_OK); }
  ~Packer() { ::deflateEnd(&z_); }
  void add(const Bytes& bytes, int flush = Z_NO_FLUSH) {
    Bytes out(1 << 16);
    z_.next_in = const_cast<std::uint8_t*>(bytes.data()), z_.avail_in = static_cast<uInt>(bytes.size());
    do {
      z_.next_out = out.data(), z_.avail_out = static_cast<uInt>(out.size());
      ::deflate(&z_, flush);
      packed_.insert(packed_.end(), out.begin(), out.end() - z_.avail_out);
    } while (z_.avail_out == 0);
  }
  Bytes finish() {
    add({}, Z_FINISH);
    return std::move(packed_);
  }

 private:
  z_stream z_{};
  Bytes packed_;
};

}  // namespace

Bytes png_of(std::uint32_t width, std::uint32_t height, const PngKind& kind, std::optional<std::size_t> unfolded) {
  const std::size_t samples = kind.color == 2 ? 3 : kind.color == 6 ? 4 : 1;
  Bytes png = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'}, header;
  big32(header, width), big32(header, height);
  header.insert(header.end(), {kind.depth, kind.color, 0, 0, std::uint8_t{kind.interlaced}});
  chunk(png, "IHDR", header);
  if (kind.color == 3) chunk(png, "PLTE", Bytes(6, 200));
  Packer packer;
  if (unfolded) {
    for (std::size_t left = *unfolded; left > 0;) {
      const std::size_t piece = std::min<std::size_t>(left, 1 << 16);
      packer.add(Bytes(piece));
      left -= piece;
    }
  } else {
    constexpr std::uint8_t kPaeth = 4;  // the slowest of the filters
    for (const auto& [rows, bytes] : filtered_rows(width, height, samples * kind.depth, kind.interlaced)) {
      Bytes row = noise(4096);
      row.resize(1 + bytes);
      for (std::size_t i = 4096; i < row.size(); ++i) row[i] = row[i - 4096];
      row[0] = kPaeth;
      for (std::size_t r = 0; r < rows; ++r) packer.add(row);
    }
  }
  chunk(png, "IDAT", packer.finish());
  chunk(png, "IEND", {});
  return png;
}

namespace {

/// Every coefficient in scans of its own, bit by bit: the most scans that the format allows for `scans`.
std::vector<jpeg_scan_info> many_scans(int scans) {
  std::vector<jpeg_scan_info> list;
  const auto add = [&](int component, int from, int to, int high, int low) {
    jpeg_scan_info s{};
    s.comps_in_scan = component < 0 ? 3 : 1;
    for (int c = 0; c < s.comps_in_scan; ++c) s.component_index[c] = component < 0 ? c : component;
    s.Ss = from, s.Se = to, s.Ah = high, s.Al = low;
    list.push_back(s);
  };
  add(-1, 0, 0, 0, 0);
  for (int k = 1; k < 64 && static_cast<int>(list.size()) < scans; ++k)
    for (int c = 0; c < 3 && static_cast<int>(list.size()) < scans; ++c) add(c, k, k, 0, 0);
  return list;
}

/// A compressor of RGB rows; what is written by its settings.
class JpegToMemory {
 public:
  JpegToMemory(int width, int height) {
    settings.err = jpeg_std_error(&errors_);
    jpeg_create_compress(&settings);
    jpeg_mem_dest(&settings, &out_, &size_);
    settings.image_width = static_cast<JDIMENSION>(width), settings.image_height = static_cast<JDIMENSION>(height);
    settings.input_components = 3, settings.in_color_space = JCS_RGB;
    jpeg_set_defaults(&settings);
  }
  JpegToMemory(const JpegToMemory&) = delete;
  JpegToMemory& operator=(const JpegToMemory&) = delete;
  ~JpegToMemory() {
    jpeg_destroy_compress(&settings);
    std::free(out_);
  }
  Bytes finish() {
    jpeg_finish_compress(&settings);
    return Bytes(out_, out_ + size_);
  }

  jpeg_compress_struct settings{};

 private:
  jpeg_error_mgr errors_{};
  unsigned char* out_ = nullptr;
  unsigned long size_ = 0;
};

}  // namespace

Bytes jpeg_of(int width, int height, int scans, bool noisy) {
  JpegToMemory jpeg(width, height);
  jpeg_compress_struct& c = jpeg.settings;
  jpeg_set_quality(&c, noisy ? 95 : 50, TRUE);
  if (noisy) c.comp_info[0].h_samp_factor = c.comp_info[0].v_samp_factor = 1;  // colour as fine as brightness
  const auto list = many_scans(scans);
  if (scans > 0 && noisy)
    jpeg_simple_progression(&c);  // all there is to a picture in the usual ten scans
  else if (scans > 0)
    c.scan_info = list.data(), c.num_scans = static_cast<int>(list.size());
  jpeg_start_compress(&c, TRUE);
  const std::size_t stride = static_cast<std::size_t>(width) * 3;
  Bytes pattern = noisy ? noise(64 * stride) : Bytes(stride);
  if (!noisy)
    for (std::size_t i = 0; i < stride; ++i) pattern[i] = static_cast<std::uint8_t>(i * 37 >> 3);
  while (c.next_scanline < c.image_height) {
    JSAMPROW row = pattern.data() + c.next_scanline * stride % pattern.size();
    jpeg_write_scanlines(&c, &row, 1);
  }
  return jpeg.finish();
}

Bytes jpeg_of(const Image& image, const JpegKind& kind) {
  JpegToMemory jpeg(image.width, image.height);
  jpeg_compress_struct& c = jpeg.settings;
  if (kind.grey) jpeg_set_colorspace(&c, JCS_GRAYSCALE);
  jpeg_set_quality(&c, 85, TRUE);
  c.comp_info[0].h_samp_factor = kind.across, c.comp_info[0].v_samp_factor = kind.down;
  c.arith_code = kind.arithmetic, c.restart_interval = kind.restart;
  jpeg_scan_info apart[3]{};
  for (int i = 0; i < 3; ++i) apart[i].comps_in_scan = 1, apart[i].component_index[0] = i, apart[i].Se = 63;
  if (kind.color_apart) c.scan_info = apart, c.num_scans = 3;
  if (kind.progressive) jpeg_simple_progression(&c);
  jpeg_start_compress(&c, TRUE);
  while (c.next_scanline < c.image_height) {
    JSAMPROW row = const_cast<std::uint8_t*>(image.row(static_cast<int>(c.next_scanline)));
    jpeg_write_scanlines(&c, &row, 1);
  }
  return jpeg.finish();
}

Bytes bmp_of(std::int32_t width, std::int32_t height, std::uint32_t compression) {
  const std::size_t row = (static_cast<std::size_t>(width) + 31) / 32 * 4;
  Bytes b(62 + row * static_cast<std::size_t>(std::abs(height)));
  const auto put = [&](std::size_t at, std::uint32_t v) { std::memcpy(b.data() + at, &v, 4); };
  b[0] = 'B', b[1] = 'M';
  put(2, static_cast<std::uint32_t>(b.size())), put(10, 62), put(14, 40);
  put(18, static_cast<std::uint32_t>(width)), put(22, static_cast<std::uint32_t>(height));
  b[26] = 1, b[28] = 1;
  put(30, compression), put(46, 2), put(58, 0x00ffffff);
  return b;
}

Bytes webp_of(int width, int height, bool lossless, bool noisy) {
  const std::size_t rgb = static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3;
  const Bytes pixels = noisy ? noise(rgb) : Bytes(rgb, 90);
  std::uint8_t* out = nullptr;
  const std::size_t size = lossless ? WebPEncodeLosslessRGB(pixels.data(), width, height, width * 3, &out)
                                    : WebPEncodeRGB(pixels.data(), width, height, width * 3, noisy ? 80.f : 5.f, &out);
  REQUIRE(size > 0);
  Bytes bytes(out, out + size);
  WebPFree(out);
  return bytes;
}

}  // namespace fledge::test
