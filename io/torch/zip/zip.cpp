// Zip files, as torch.save writes them since 1.6 (and 1.4 on request): ROOT/data.pkl holds the object, ROOT/data/KEY
// (in 1.4 ROOT/tensors/KEY) each storage.
#include <libdeflate.h>

#include <algorithm>

#include "io/torch/names.h"
#include "io/torch/rebuild.h"
#include "io/torch/storages.h"
#include "io/torch/walk.h"
#include "io/torch/zip/zip_directory.h"
#include "io/weights/content.h"
#include "io/weights/inflate.h"

namespace fledge {
namespace {

using namespace torch_file;
using Members = std::map<std::string, ZipMember>;

constexpr std::uint64_t kMaxRatio = 100, kSmall = 64 << 10, kMaxPickle = std::uint64_t{64} << 20;

/// "archive/": the folder of data.pkl, which holds everything else too.
std::string find_root(const Members& members, const WeightFile::Content& content) {
  std::string root;
  bool numpy = true;
  for (const auto& [name, m] : members) {
    numpy &= name.size() > 4 && name.ends_with(".npy");
    const std::size_t slash = name.find('/');
    if (slash == std::string::npos || name.substr(slash) != "/data.pkl") continue;
    if (!root.empty()) content.refuse_at(m.header, "a second data.pkl, '" + name + "',");
    root = name.substr(0, slash + 1);
  }
  if (root.empty())
    content.refuse_at(0, numpy ? "a NumPy archive (.npz), not PyTorch weights,"
                               : "a zip without a data.pkl: not written by torch.save,");
  for (const auto& [name, m] : members)
    if (!name.starts_with(root))
      content.refuse_at(m.header, "zip member '" + name + "' lies outside the folder '" + root + "'");
  const bool script =
      members.count(root + "constants.pkl") ||
      std::any_of(members.begin(), members.end(), [&](const auto& m) { return m.first.starts_with(root + "code/"); });
  if (script)
    content.refuse_at(members.at(root + "data.pkl").header,
                      "a TorchScript archive (torch.jit.save): a program, not a state dict,",
                      "save its weights in Python: torch.save(module.state_dict(), FILE)");
  return root;
}

void check_ratio(const ZipMember& m, const WeightFile::Content& content) {
  // Small members of zeros are no bombs: a repacked file has many (batch norm's first means and biases).
  const bool bomb = m.method == 8 && m.size > kSmall && m.size / kMaxRatio > m.packed;
  if (bomb || (m.method == 8 && m.size > content.bytes.size() + kMaxPickle))
    content.refuse_at(m.header, "zip member '" + m.name + "' claims to unpack from " + std::to_string(m.packed) +
                                    " to " + std::to_string(m.size) + " bytes");
}

/// Small deflated members, read by anyone or not, are unfolded when the file is opened: one that yields another number
/// of bytes than it declares is a lie about the file, whatever it is for. Large ones are held to it when they are read.
void check_small_deflated(const Members& members, const WeightFile::Content& content) {
  constexpr std::uint64_t kMaxLooked = std::uint64_t{16} << 20;
  std::vector<char> out(kSmall);
  std::uint64_t looked = 0;
  for (const auto& [name, m] : members) {
    if (m.method != 8 || m.size > kSmall) continue;
    if ((looked += m.size + m.packed) > kMaxLooked) return;
    if (!inflate_exactly({content.bytes.data() + m.data, m.packed}, out.data(), m.size))
      content.refuse_at(m.data,
                        "zip member '" + name + "' does not inflate to its " + std::to_string(m.size) + " bytes");
  }
}

/// A whole small member, its checksum verified. `owned` keeps it when it had to be inflated.
std::string_view small_member(const ZipMember& m, WeightFile::Content& content, std::string& owned) {
  check_ratio(m, content);
  if (m.size > kMaxPickle) content.refuse_at(m.header, "zip member '" + m.name + "' has more than 64 MiB");
  std::string_view bytes(content.bytes.data() + m.data, m.packed);
  if (m.method == 8) {
    owned.resize(m.size);
    if (!inflate_exactly(bytes, owned.data(), owned.size()))
      content.refuse_at(m.data,
                        "zip member '" + m.name + "' does not inflate to its " + std::to_string(m.size) + " bytes");
    bytes = owned;
  }
  if (m.crc == 0 && m.size > 0) return bytes;  // the writer had checksums switched off; read_zip warns
  if (libdeflate_crc32(0, bytes.data(), bytes.size()) != m.crc)
    content.refuse_at(m.data, "the checksum of zip member '" + m.name + "' is wrong, whose data begin",
                      "the file is damaged: copy or download it again");
  return bytes;
}

std::string writer_of(const Members& members, const std::string& root) {
  if (members.count(root + ".format_version")) return "PyTorch 2.6 or newer";
  if (members.count(root + "byteorder")) return "PyTorch 2.1 or newer";
  const bool old = std::any_of(members.begin(), members.end(),
                               [&](const auto& m) { return m.first.starts_with(root + "tensors/"); });
  return old ? "PyTorch 1.4 or 1.5" : "PyTorch 1.6 to 2.0";
}

void check_facts(const Members& members, const std::string& root, WeightFile::Content& content) {
  if (const auto order = members.find(root + "byteorder"); order != members.end()) {
    std::string owned;
    const std::string_view text = small_member(order->second, content, owned);
    if (text != "little")
      content.refuse_at(order->second.data, text == "big" ? "it was written big-endian, which fledge does not read:"
                                                          : "the byte order is neither little nor big");
  }
  for (const auto& [name, m] : members)
    if (m.crc == 0 && m.size > 0) {
      content.info.checksummed = false;
      content.info.warnings.push_back("written without checksums (CRC 0), so damage would not be noticed");
      break;
    }
}

void place_storages(const Members& members, const std::string& root, StorageTable& table, const pickle::Source& source,
                    WeightFile::Content& content) {
  for (auto& [key, e] : table.entries()) {
    const std::string name = "storage '" + utf8_of(key) + "'";
    auto member = members.find(root + "data/" + key);
    if (member == members.end()) member = members.find(root + "tensors/" + key);
    if (member == members.end()) source.refuse(e.at, name + " is not in the zip, but used");
    const ZipMember& m = member->second;
    check_ratio(m, content);
    if (m.size != e.bytes())
      content.refuse_at(m.header, name + " needs " + std::to_string(e.bytes()) + " bytes, but zip member '" + m.name +
                                      "' has " + std::to_string(m.size));
    e.block = content.blocks.size();
    e.placed = true;
    content.blocks.push_back({.data = content.bytes.data() + m.data,
                              .packed = m.packed,
                              .bytes = m.size,
                              .deflated = m.method == 8,
                              .has_crc = m.crc != 0 && m.size > 0,
                              .crc = m.crc,
                              .member = m.name});
  }
}

}  // namespace

void read_zip(WeightFile::Content& content) {
  const Members members = read_zip_directory(
      content.bytes, [&](std::uint64_t at, const std::string& problem) { content.refuse_at(at, problem); });
  const std::string root = find_root(members, content);
  content.info.checksummed = true;
  check_facts(members, root, content);
  check_small_deflated(members, content);

  const ZipMember& pickle_member = members.at(root + "data.pkl");
  std::string owned;
  const std::string_view bytes = small_member(pickle_member, content, owned);
  const pickle::Source source{content.path, bytes, pickle_member.name, owned.empty() ? pickle_member.data : 0};
  pickle::Budget budget;
  pickle::Graph object;
  const pickle::Result result = pickle::read(source, 0, object, budget);
  if (result.end != bytes.size())
    source.refuse(result.end, std::to_string(bytes.size() - result.end) + " bytes follow the object,");
  content.info.protocol = result.protocol;
  StorageTable table;
  table.take(source, object);
  place_storages(members, root, table, source, content);

  const Rebuilder rebuilder(source, object, {[&](pickle::Ref id) { return table.find(id); }});
  walk(source, object, result.root, rebuilder, content);
  content.info.writer = writer_of(members, root);
}

}  // namespace fledge
