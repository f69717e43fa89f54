// One small file of each container, cut at every byte and with every single bit flipped. Cut: always refused. Flipped:
// refused, or what comes out is exactly what the changed file says - never a crash, never numbers from elsewhere.
#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>

#include "tests/io/hostile_case.h"
#include "tests/support/files.h"

using namespace fledge;
using namespace fledge::test;

namespace {

const std::string kName = "memory:flipped";

/// A good file with one float32 tensor, `weight` = 1 2 3 4; its 16 bytes lie once in the file, as they are.
struct Small {
  std::string container, bytes;
  std::size_t payload = 0;
  bool checksummed = false;
};

Small small(const std::string& container, const std::string& file) {
  const Bytes read = slurp(FLEDGE_CORPUS "/" + file);
  Small s{container, std::string(read.begin(), read.end())};
  const float four[] = {1, 2, 3, 4};
  const std::string numbers(reinterpret_cast<const char*>(four), sizeof four);
  s.payload = s.bytes.find(numbers);
  REQUIRE(s.payload != std::string::npos);
  REQUIRE(s.bytes.find(numbers, s.payload + 1) == std::string::npos);
  const WeightFile good = WeightFile::in_memory(s.bytes, kName);
  REQUIRE(good.info().container == container);
  REQUIRE(good.tensors().size() == 1);
  REQUIRE(bytes_of(good, good.tensors()[0]) == numbers);
  s.checksummed = good.info().checksummed;
  return s;
}

std::vector<Small> all_small() {
  return {small("stacked", "c01_good.pth"), small("zip", "p14_good.pth"), small("tar", "p17_good.pth"),
          small("safetensors", "s00_good.safetensors")};
}

/// What a tensor of this shape, these strides and this offset takes from the 16 bytes: the plain definition.
std::string gathered(const StoredTensor& t, const std::string& payload) {
  std::string all;
  std::vector<std::int64_t> index(t.shape.size(), 0);
  for (std::int64_t n = 0; n < t.numel(); ++n) {
    std::int64_t at = t.offset;
    for (std::size_t axis = 0; axis < index.size(); ++axis) at += index[axis] * t.strides[axis];
    all += payload.substr(static_cast<std::size_t>(at) * 4, 4);
    for (std::size_t axis = index.size(); axis-- > 0;) {
      if (++index[axis] < t.shape[axis]) break;
      index[axis] = 0;
    }
  }
  return all;
}

struct Count {
  int refused = 0, same = 0, payload = 0, otherwise = 0;
};

/// "" or what is wrong with how the flipped file was taken.
std::string judge_flip(const Small& good, const std::string& bytes, bool in_payload, Count& count) {
  const std::string payload = bytes.substr(good.payload, 16);
  try {
    const WeightFile file = WeightFile::in_memory(bytes, kName);
    if (file.info().container != good.container) return "taken for " + file.info().container;
    std::vector<StoredTensor> all = file.tensors();
    all.insert(all.end(), file.others().begin(), file.others().end());
    if (all.size() > 1) return std::to_string(all.size()) + " tensors";
    bool same = !all.empty();
    for (const StoredTensor& t : all) {
      if (t.type != ElementType::F32) return std::string("type ") + info_of(t.type).name;
      if (bytes_of(file, t) != gathered(t, payload)) return "numbers that the file does not hold";
      same &= t.name == "weight" && t.shape == std::vector<std::int64_t>{4} && gathered(t, payload) == payload;
    }
    if (in_payload) {
      if (good.checksummed) return "a changed number passes the checksum";
      if (!same) return "a changed number changes more than itself";
      ++count.payload;
    } else if (same) {
      ++count.same;
    } else {
      if (good.checksummed) return "name or shape differs below a checksum";
      ++count.otherwise;
    }
    return "";
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::BadInput) return std::string("not BadInput: ") + e.what();
    if (std::string(e.what()).find(kName) == std::string::npos) return std::string("names no file: ") + e.what();
    ++count.refused;
    return "";
  } catch (const std::exception& e) {
    return std::string("threw ") + e.what();
  }
}

std::string error_reading(const std::string& bytes) {
  return error_of([&] {
    const WeightFile file = WeightFile::in_memory(bytes, kName);
    for (const auto* list : {&file.tensors(), &file.others()})
      for (const StoredTensor& t : *list) bytes_of(file, t);
  });
}

}  // namespace

TEST_CASE("weight files cut at every byte are refused", "[sweep]") {
  for (const Small& good : all_small()) {
    CAPTURE(good.container);
    for (std::size_t n = 0; n < good.bytes.size(); ++n) {
      const std::string cut = good.bytes.substr(0, n);
      // In memory of exactly this size, so that a sanitizer sees the first byte too far.
      const std::unique_ptr<char[]> exact(new char[n]);
      std::memcpy(exact.get(), cut.data(), n);
      ErrorKind kind = ErrorKind::Internal;
      const std::string error = error_of([&] { WeightFile::in_memory({exact.get(), n}, kName); }, &kind);
      if (error.empty() || kind != ErrorKind::BadInput || error.find(kName) == std::string::npos)
        FAIL_CHECK("cut at byte " << n << " of " << good.bytes.size() << ": '" << error << "'");
    }
  }
}

TEST_CASE("weight files with any bit flipped are refused or say what they hold", "[sweep]") {
  for (const Small& good : all_small()) {
    CAPTURE(good.container);
    Count count;
    for (std::size_t byte = 0; byte < good.bytes.size(); ++byte)
      for (int bit = 0; bit < 8; ++bit) {
        std::string bytes = good.bytes;
        bytes[byte] = static_cast<char>(bytes[byte] ^ 1 << bit);
        const bool in_payload = byte >= good.payload && byte < good.payload + 16;
        const std::string wrong = judge_flip(good, bytes, in_payload, count);
        if (!wrong.empty()) FAIL_CHECK("bit " << bit << " of byte " << byte << ": " << wrong);
      }
    CHECK(count.payload == (good.checksummed ? 0 : 16 * 8));
    CHECK(count.refused > static_cast<int>(good.bytes.size()));
    UNSCOPED_INFO(good.container << ": " << count.refused << " refused, " << count.same << " the same, "
                                 << count.otherwise << " with another name or shape");
  }
  SUCCEED();
}

TEST_CASE("real files cut at every byte are refused, flipped bits in zips are seen", "[sweep]") {
  const std::string folder = shared_folder("fixtures");
  if (folder.empty()) {
    WARN("skipped: no shared fixtures (set FLEDGE_SHARED)");
    return;
  }
  const std::size_t step = kSanitized ? 31 : 1;
  for (const std::string name : {"stacked_bag_torch110.pth", "zip_bag_torch110.pth", "zip_bag_new_protocol4.pth",
                                 "tar_2017_dtypes.pth", "safetensors_dtypes.safetensors"}) {
    CAPTURE(name);
    const Bytes read = slurp(folder + "/" + name);
    const std::string good(read.begin(), read.end());
    REQUIRE(error_reading(good) == "");
    const std::size_t end = good.find_last_not_of('\0') + 1;  // a tar goes on with zeros
    for (std::size_t n = 0; n < end; n += step)
      if (error_reading(good.substr(0, n)).empty()) FAIL_CHECK("cut at byte " << n << " of " << good.size());
    // Every byte, another bit each time: nothing but an Error, and in zips no number that differs.
    const WeightFile whole = WeightFile::in_memory(good, kName);
    for (std::size_t byte = 0; byte < good.size(); byte += step) {
      std::string flipped = good;
      flipped[byte] = static_cast<char>(flipped[byte] ^ 1 << (byte * 5 + 3) % 8);
      error_of([&] {
        const WeightFile file = WeightFile::in_memory(flipped, kName);
        for (std::size_t i = 0; i < file.tensors().size(); ++i) {
          const std::string bytes = bytes_of(file, file.tensors()[i]);
          if (!whole.info().checksummed) continue;
          const bool same =
              file.tensors().size() == whole.tensors().size() && bytes == bytes_of(whole, whole.tensors()[i]);
          if (!same) FAIL_CHECK("bit of byte " << byte << " changes a tensor");
        }
      });
    }
  }
}
