// Stacked pickles, as torch.save wrote them from 0.1.11 to 1.5: pickles of a magic number, the format's version, facts
// about the system, the object, the storages' keys; then each storage, its count in front, in the order of the keys.
#include <algorithm>
#include <set>

#include "io/torch/names.h"
#include "io/torch/pickles.h"
#include "io/torch/rebuild.h"
#include "io/torch/storages.h"
#include "io/torch/walk.h"
#include "io/weights/content.h"

namespace fledge {
namespace {

using namespace torch_file;
using pickle::Kind;

constexpr std::string_view kMagic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";  // 0x1950a86a20f9469cfc6c
constexpr std::string_view kMagicInText = "119547037146038801333356";            // the same; protocols 0 and 1
constexpr std::int64_t kVersion = 1001;

/// Who wrote it, as far as its form tells. `info`: with its classes.
std::string writer_of(const pickle::Graph& object, const WeightFileInfo& info) {
  const auto mentions = [&](const char* name) {
    return std::binary_search(info.classes.begin(), info.classes.end(), std::string(name));
  };
  bool python2 = false;
  for (pickle::Ref r = 0; r < object.size() && !python2; ++r) python2 = object.kind(r) == Kind::ByteString;
  const std::string python = python2 ? ", Python 2" : ", Python 3";
  if (mentions("torch._utils._rebuild_tensor_v2")) return "PyTorch 0.4 to 1.5" + python;
  if (mentions("torch._utils._rebuild_tensor")) return "PyTorch 0.1.11 to 0.3" + python;
  return "PyTorch before 1.6" + python;
}

void check_magic(PickleStream& stream) {
  const pickle::Ref magic = stream.next().root;
  const bool number = stream.graph().kind(magic) == Kind::BigInt;
  if (!number || (stream.graph().text(magic) != kMagic && stream.graph().text(magic) != kMagicInText))
    stream.source().refuse(0, "a pickle that does not begin with PyTorch's magic number",
                           "a bare pickle, not written by torch.save, is no weight file");
  const std::uint64_t at = stream.at();
  if (stream.next_count("the format version") != kVersion) stream.source().refuse(at, "the format version is not 1001");
}

/// The storages lie behind the key list, each with its element count in front.
void place_storages(PickleStream& stream, StorageTable& table, WeightFile::Content& content) {
  const pickle::Source& source = stream.source();
  const std::uint64_t list_at = stream.at();
  const pickle::Ref list = stream.next().root;
  if (stream.graph().kind(list) != Kind::List) source.refuse(list_at, "the list of storages is no list");
  std::set<std::string> listed;
  for (const pickle::Ref item : stream.graph().items(list)) {
    if (!stream.graph().is_string(item)) source.refuse(list_at, "a storage's key in the list is no text");
    const std::string key(stream.graph().text(item));
    const std::string name = "storage '" + utf8_of(key) + "'";
    if (!listed.insert(key).second) source.refuse(list_at, name + " is listed twice");
    const auto entry = table.entries().find(key);
    if (entry == table.entries().end())
      source.refuse(list_at, name + " is listed but no tensor uses it: its type is unknown");
    StorageTable::Entry& e = entry->second;
    const std::uint64_t at = stream.at();
    // Copied, not looked at through the mapping: that would bring in all that lies around it.
    std::int64_t count = 0;
    content.copy(stream.skip(sizeof count, "the size of a storage"), sizeof count, reinterpret_cast<char*>(&count));
    if (count < 0 || static_cast<std::uint64_t>(count) != e.numel)
      source.refuse(at, name + " has " + std::to_string(count) + " elements here and " + std::to_string(e.numel) +
                            " in the object");
    e.block = content.blocks.size();
    e.placed = true;
    const char* data = stream.skip(e.bytes(), name);
    content.blocks.push_back({.data = data, .packed = e.bytes(), .bytes = e.bytes(), .member = {}});
  }
  for (const auto& [key, e] : table.entries())
    if (!e.placed)
      source.refuse(e.at, "storage '" + utf8_of(key) + "' is not in the file's list of storages, but used");
  if (stream.left() > 0)
    source.refuse(stream.at(),
                  std::to_string(stream.left()) + " bytes that belong to nothing follow the last storage,");
}

}  // namespace

void read_stacked(WeightFile::Content& content) {
  const pickle::Source source{content.path, {content.bytes.data(), content.bytes.size()}};
  pickle::Budget budget;
  PickleStream head(source, budget);
  check_magic(head);
  const pickle::Ref info = head.next().root;
  check_sys_info(source, head.graph(), info, kVersion);

  pickle::Graph object;
  const pickle::Result result = pickle::read(source, head.at(), object, budget);
  content.info.protocol = result.protocol;
  StorageTable table;
  table.take(source, object);
  head.skip(result.end - head.at(), "the object");
  place_storages(head, table, content);

  const Rebuilder rebuilder(source, object, {[&](pickle::Ref id) { return table.find(id); }});
  walk(source, object, result.root, rebuilder, content);
  content.info.writer = writer_of(object, content.info);
}

}  // namespace fledge
