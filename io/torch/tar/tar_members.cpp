#include "io/torch/tar/tar_members.h"

#include <algorithm>
#include <cstring>

namespace fledge::torch_file {
namespace {

constexpr std::uint64_t kRecord = 512;

class TarReader {
 public:
  TarReader(std::span<const char> file, const RefuseAt& refuse) : file_(file), refuse_(refuse) {}

  std::map<std::string, TarMember> read() {
    for (;;) {
      if (file_.size() - at_ < kRecord) refuse_(at_, "the tar file is cut off: it has no end mark");
      if (is_zero(at_, kRecord)) break;
      read_member();
    }
    if (pax_waits_) refuse_(at_, "a PAX header without a member behind it: the members end");
    if (file_.size() - at_ < 2 * kRecord) refuse_(at_, "the tar file is cut off inside its end mark");
    for (std::uint64_t at = at_; at < file_.size(); ++at)
      if (file_[at] != 0) refuse_(at, "bytes behind the tar file's end mark");
    return std::move(members_);
  }

 private:
  bool is_zero(std::uint64_t at, std::uint64_t count) const {
    const auto begin = file_.begin() + static_cast<std::ptrdiff_t>(at);
    return std::all_of(begin, begin + static_cast<std::ptrdiff_t>(count), [](char c) { return c == 0; });
  }

  std::string text_field(std::uint64_t offset, std::size_t size) const {
    const char* begin = file_.data() + at_ + offset;
    return std::string(begin, ::strnlen(begin, size));
  }

  /// Octal digits, ended by NUL or space.
  std::uint64_t octal(std::uint64_t offset, std::size_t size, const char* what) const {
    const char* p = file_.data() + at_ + offset;
    std::size_t i = 0;
    while (i < size && p[i] == ' ') ++i;
    std::uint64_t value = 0;
    const std::size_t first = i;
    for (; i < size && p[i] >= '0' && p[i] <= '7'; ++i) value = value * 8 + static_cast<std::uint64_t>(p[i] - '0');
    if (i == first || (i < size && p[i] != 0 && p[i] != ' '))
      refuse_(at_ + offset, std::string("the tar header's ") + what + " is not written in octal");
    return value;
  }

  void check_header() const {
    if (std::memcmp(file_.data() + at_ + 257, "ustar", 5) != 0) refuse_(at_, "no tar header");
    std::uint64_t sum = 0;
    for (std::uint64_t i = 0; i < kRecord; ++i)
      sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(file_[at_ + i]);
    if (octal(148, 8, "checksum") != sum) refuse_(at_, "the checksum of the tar header is wrong");
  }

  void read_member() {
    check_header();
    const std::uint64_t header = at_;
    const char type = file_[at_ + 156];
    std::string name = text_field(0, 100);
    if (const std::string prefix = text_field(345, 155); !prefix.empty()) name = prefix + "/" + name;
    const std::uint64_t size = octal(124, 12, "size");
    const std::uint64_t begin = at_ + kRecord;
    if (size > file_.size() - begin)
      refuse_(header, "tar member '" + name + "' says " + std::to_string(size) + " bytes, but only " +
                          std::to_string(file_.size() - begin) + " are left");
    const std::string_view bytes(file_.data() + begin, size);
    if (type == 'x' || type == 'g') {
      check_pax(bytes, header);
    } else if (type != '0' && type != 0) {
      refuse_(header, "tar member '" + name + "' is a link, device, folder or other thing that PyTorch never writes,");
    } else if (!members_.emplace(name, TarMember{begin, bytes}).second) {
      refuse_(header, "a second tar member '" + name + "'");
    }
    const std::uint64_t padded = (size + kRecord - 1) / kRecord * kRecord;
    if (padded > file_.size() - begin) refuse_(header, "tar member '" + name + "' is cut off");
    if (!is_zero(begin + size, padded - size))
      refuse_(begin + size, "the padding of tar member '" + name + "' is not empty");
    at_ = begin + padded;
    pax_waits_ = type == 'x';
  }

  /// Records "LENGTH key=value\n". A size or name said here would be another than the header's.
  void check_pax(std::string_view records, std::uint64_t header) const {
    while (!records.empty()) {
      std::size_t length = 0, digits = 0;
      for (; digits < records.size() && digits < 9 && records[digits] >= '0' && records[digits] <= '9'; ++digits)
        length = length * 10 + static_cast<std::size_t>(records[digits] - '0');
      if (digits == 0 || length <= digits + 1 || length > records.size() || records[digits] != ' ' ||
          records[length - 1] != '\n')
        refuse_(header, "a PAX header that cannot be understood");
      const std::string_view record = records.substr(digits + 1, length - digits - 2);
      if (record.find('=') == std::string_view::npos) refuse_(header, "a PAX header that cannot be understood");
      const std::string key(record.substr(0, record.find('=')));
      if (key == "size" || key == "path" || key == "linkpath" || key.rfind("GNU.sparse", 0) == 0)
        refuse_(header, "a PAX header that overrides '" + key + "'");
      records.remove_prefix(length);
    }
  }

  std::span<const char> file_;
  const RefuseAt& refuse_;
  std::uint64_t at_ = 0;
  bool pax_waits_ = false;  // the last record described the member to come
  std::map<std::string, TarMember> members_;
};

}  // namespace

std::map<std::string, TarMember> read_tar_members(std::span<const char> file, const RefuseAt& refuse) {
  return TarReader(file, refuse).read();
}

}  // namespace fledge::torch_file
