// Tar files, as torch.save wrote them in 2016-17 (0.1): sys_info; pickle (the object, tensors in it as decimal ids);
// tensors (count; per tensor a pickled (id, storage id, type), then ndim, sizes, strides, offset as 64-bit numbers);
// storages (count; per storage a pickled (id, location, type), element count, numbers; last a pickled list of views:
// (id, root id, offset, size)).
#include <map>

#include "io/torch/names.h"
#include "io/torch/pickles.h"
#include "io/torch/rebuild.h"
#include "io/torch/tar/tar_members.h"
#include "io/torch/walk.h"
#include "io/weights/content.h"

namespace fledge {
namespace {

using namespace torch_file;
using pickle::Kind;
using pickle::Ref;

constexpr std::int64_t kTarVersion = 1000;

class TarFile {
 public:
  explicit TarFile(WeightFile::Content& content) : content_(content) {}

  void read() {
    members_ = read_tar_members(content_.bytes,
                                [&](std::uint64_t at, const std::string& problem) { content_.refuse_at(at, problem); });
    for (const auto& [name, m] : members_)
      if (name != "sys_info" && name != "pickle" && name != "tensors" && name != "storages")
        content_.refuse_at(m.data, "tar member '" + name + "' is none that PyTorch writes; its content begins");
    const pickle::Source info = source("sys_info"), storages = source("storages"), tensors = source("tensors"),
                         object = source("pickle");
    PickleStream facts(info, budget_);
    check_sys_info(info, facts.graph(), facts.next().root, kTarVersion);
    at_end(facts);
    read_storages(storages);
    read_tensors(tensors);
    read_object(object);
  }

 private:
  pickle::Source source(const std::string& name) const {
    const auto m = members_.find(name);
    if (m == members_.end())
      content_.refuse_at(content_.bytes.size(), "the tar file has no member '" + name + "' up to its end");
    return {content_.path, m->second.bytes, name, m->second.data};
  }

  static void at_end(const PickleStream& stream) {
    if (stream.left() > 0)
      stream.source().refuse(stream.at(), std::to_string(stream.left()) + " bytes too many follow");
  }

  /// Ids are addresses: whole numbers here, decimal texts in the object.
  static std::string id_of(const PickleStream& stream, Ref r, std::uint64_t at) {
    if (stream.graph().kind(r) != Kind::Int) stream.source().refuse(at, "an id that is no whole number");
    return std::to_string(stream.graph().integer(r));
  }

  void read_storages(const pickle::Source& source) {
    PickleStream stream(source, budget_);
    const std::uint64_t count = stream.next_count("the count of storages");
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t at = stream.at();
      const auto row = stream.graph().items(stream.next().root);
      const auto type = row.size() == 3 ? element_of(stream.graph(), row[2]) : std::nullopt;
      if (!type || meaning_of(stream.graph(), row[2]) != Meaning::Storage)
        source.refuse(at, row.size() == 3 ? "a storage of type " + dotted_name(stream.graph(), row[2]) +
                                                ", which fledge does not know"
                                          : "a storage's row is not (id, location, type)");
      const std::string id = id_of(stream, row[0], at);
      const std::int64_t numel = stream.raw("the size of a storage");
      std::int64_t bytes = 0;
      if (numel < 0 || __builtin_mul_overflow(numel, info_of(*type).bytes, &bytes))
        source.refuse(at, "storage " + id + " says " + std::to_string(numel) + " elements");
      const char* data = stream.skip(static_cast<std::uint64_t>(bytes), "storage " + id);
      const StorageView whole{content_.blocks.size(), *type, false, static_cast<std::uint64_t>(numel), 0};
      content_.blocks.push_back({.data = data,
                                 .packed = whole.numel * info_of(*type).bytes,
                                 .bytes = whole.numel * info_of(*type).bytes,
                                 .member = {}});
      if (!storages_.emplace(id, whole).second) source.refuse(at, "storage " + id + " is there twice");
    }
    read_views(stream);
    at_end(stream);
  }

  void read_views(PickleStream& stream) {
    const std::uint64_t at = stream.at();
    const Ref list = stream.next().root;
    const pickle::Graph& graph = stream.graph();
    if (graph.kind(list) != Kind::List) stream.source().refuse(at, "the list of storage views is no list");
    for (const Ref item : graph.items(list)) {
      const auto row = graph.items(item);
      bool numbers = row.size() == 4;
      for (const Ref r : row) numbers &= graph.kind(r) == Kind::Int && graph.integer(r) >= 0;
      if (!numbers) stream.source().refuse(at, "a storage view's row is not (id, root id, offset, size)");
      const auto root = storages_.find(id_of(stream, row[1], at));
      if (root == storages_.end()) stream.source().refuse(at, "a storage view of a storage that is not there");
      StorageView view = root->second;  // which may be a view itself
      const std::uint64_t offset = static_cast<std::uint64_t>(graph.integer(row[2]));
      view.numel = static_cast<std::uint64_t>(graph.integer(row[3]));
      if (offset > root->second.numel || view.numel > root->second.numel - offset)
        stream.source().refuse(at, "a storage view of " + std::to_string(view.numel) + " elements at " +
                                       std::to_string(offset) + " of a storage of " +
                                       std::to_string(root->second.numel));
      view.offset += offset;
      if (!storages_.emplace(id_of(stream, row[0], at), view).second)
        stream.source().refuse(at, "a storage view whose id is there twice");
    }
  }

  void read_tensors(const pickle::Source& source) {
    PickleStream stream(source, budget_);
    const std::uint64_t count = stream.next_count("the count of tensors");
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t at = stream.at();
      const auto row = stream.graph().items(stream.next().root);
      if (row.size() != 3) source.refuse(at, "a tensor's row is not (id, storage id, type)");
      const std::string id = id_of(stream, row[0], at);
      const auto storage = storages_.find(id_of(stream, row[1], at));
      if (storage == storages_.end()) source.refuse(at, "tensor " + id + " lies in a storage that is not there");
      const StorageView& view = storage->second;
      StoredTensor t;
      t.type = view.type;
      t.block = view.block;
      if (element_of(stream.graph(), row[2]) != view.type)
        source.refuse(at, "tensor " + id + " has another type than its storage");
      // A 32-bit number in 8 bytes: PyTorch wrote whatever lay in memory into the upper four, and reads past them.
      const auto axes = static_cast<std::int32_t>(static_cast<std::uint32_t>(stream.raw("the number of axes")));
      if (axes < 0 || axes > 8) source.refuse(at, "tensor " + id + " says " + std::to_string(axes) + " axes");
      for (std::int64_t a = 0; a < axes; ++a) t.shape.push_back(stream.raw("a size"));
      for (std::int64_t a = 0; a < axes; ++a) t.strides.push_back(stream.raw("a stride"));
      t.offset = stream.raw("the offset");
      if (const std::string problem = check_bounds(t, view.numel); !problem.empty())
        source.refuse(at, "tensor " + id + " " + problem);
      t.offset += static_cast<std::int64_t>(view.offset);
      if (!tensors_.emplace(id, t).second) source.refuse(at, "tensor " + id + " is there twice");
    }
    at_end(stream);
  }

  /// A text that names a tensor or a storage; or (class, file, source text) the first time a module's class is used.
  void check_ids(const pickle::Source& source, const pickle::Graph& graph) const {
    for (const auto& id : graph.persistent_ids()) {
      const Ref value = graph.items(id.ref)[0];
      if (graph.kind(value) == Kind::Tuple) {
        const auto parts = graph.items(value);
        if (parts.size() != 3 || graph.kind(parts[0]) != Kind::Global)
          source.refuse(id.at, "a persistent id that is no (class, file, source)");
        continue;
      }
      const std::string key = key_of(graph, value);
      if (key.empty()) source.refuse(id.at, "a persistent id that is no number");
      if (!tensors_.count(key) && !storages_.count(key))
        source.refuse(id.at, "the object names tensor " + utf8_of(key.substr(0, 32)) + ", which is not there");
    }
  }

  static std::string key_of(const pickle::Graph& graph, Ref value) {
    if (graph.kind(value) == Kind::Int) return std::to_string(graph.integer(value));
    return graph.kind(value) == Kind::Text || graph.kind(value) == Kind::ByteString ? std::string(graph.text(value))
                                                                                    : "";
  }

  void read_object(const pickle::Source& source) {
    pickle::Graph object;
    const pickle::Result result = pickle::read(source, 0, object, budget_);
    if (result.end != source.bytes.size()) source.refuse(result.end, "bytes follow the object");
    content_.info.protocol = result.protocol;
    check_ids(source, object);
    const auto key = [&](Ref id) { return key_of(object, object.items(id)[0]); };
    const Rebuilder rebuilder(source, object,
                              {[&](Ref id) {
                                 const auto it = storages_.find(key(id));
                                 return it == storages_.end() ? std::nullopt : std::optional(it->second);
                               },
                               [&](Ref id) {
                                 const auto it = tensors_.find(key(id));
                                 return it == tensors_.end() ? nullptr : &it->second;
                               }});
    walk(source, object, result.root, rebuilder, content_);
    content_.info.writer = "PyTorch 0.1 (2016-17)";
  }

  WeightFile::Content& content_;
  std::map<std::string, TarMember> members_;
  pickle::Budget budget_;
  std::map<std::string, StorageView> storages_;
  std::map<std::string, StoredTensor> tensors_;
};

}  // namespace

void read_tar(WeightFile::Content& content) { TarFile(content).read(); }

}  // namespace fledge
