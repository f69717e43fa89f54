#include "io/torch/write_torch.h"

#include <set>

#include "base/error.h"
#include "io/pickle/opcodes.h"
#include "io/torch/zip/zip_writer.h"
#include "io/weights/gather.h"

namespace fledge {
namespace {

using namespace pickle;

/// Opcodes of protocol 2. No memo: the file is a few kilobytes larger, and nothing can be shared by mistake.
class PickleWriter {
 public:
  void op(unsigned char code) { bytes_ += static_cast<char>(code); }
  void global(const char* module, const char* name) {
    op(kGlobal);
    bytes_ += std::string(module) + "\n" + name + "\n";
  }
  void text(const std::string& t) {
    op(kBinUnicode);
    raw(static_cast<std::uint32_t>(t.size()));
    bytes_ += t;
  }
  void integer(std::int64_t value) {
    if (value >= 0 && value < 256) {
      op(kBinInt1);
      raw(static_cast<std::uint8_t>(value));
    } else if (value == static_cast<std::int32_t>(value)) {
      op(kBinInt);
      raw(static_cast<std::int32_t>(value));
    } else {
      op(kLong1);
      op(8);
      raw(value);
    }
  }
  void integers(const std::vector<std::int64_t>& values) {
    op(kMark);
    for (const std::int64_t v : values) integer(v);
    op(kTuple);
  }
  void ordered_dict() {
    global("collections", "OrderedDict");
    op(kEmptyTuple);
    op(kReduce);
  }
  const std::string& bytes() const { return bytes_; }

  template <class T>
  void raw(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }

 private:
  std::string bytes_;
};

/// torch._utils._rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks)
void write_tensor(PickleWriter& out, const TensorToSave& t, const std::string& key) {
  std::int64_t numel = 1;
  for (const std::int64_t d : t.shape) numel *= d;
  out.global("torch._utils", "_rebuild_tensor_v2");
  out.op(kMark);
  out.op(kMark);
  out.text("storage");
  out.global("torch", info_of(t.type).storage);
  out.text(key);
  out.text("cpu");
  out.integer(numel);
  out.op(kTuple);
  out.op(kBinPersId);
  out.integer(0);
  out.integers(t.shape);
  out.integers(row_major_strides(t.shape));
  out.op(kNewFalse);
  out.ordered_dict();
  out.op(kTuple);
  out.op(kReduce);
}

void check(const std::vector<TensorToSave>& tensors) {
  std::set<std::string> names;
  for (const TensorToSave& t : tensors) {
    if (!names.insert(t.name).second)
      throw Error(ErrorKind::Usage, "save_torch", "the name '" + t.name + "' is used twice");
    if (!info_of(t.type).storage)
      throw Error(ErrorKind::Usage, "save_torch",
                  "tensor '" + t.name + "' is " + info_of(t.type).name + ", which has no storage class in PyTorch",
                  "write a safetensors file");
  }
}

}  // namespace

void save_torch(const std::string& path, const std::vector<TensorToSave>& tensors) {
  check(tensors);
  PickleWriter object;
  object.op(kProto);
  object.op(2);
  object.ordered_dict();
  object.op(kMark);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    object.text(tensors[i].name);
    write_tensor(object, tensors[i], std::to_string(i));
  }
  object.op(kSetItems);
  object.op(kStop);

  std::uint64_t size = object.bytes().size();
  for (const TensorToSave& t : tensors) size += t.bytes();
  torch_file::ZipWriter zip(path, size);
  const std::string root = "archive/";
  zip.add(root + "data.pkl", object.bytes());
  zip.add(root + "byteorder", "little");
  for (std::size_t i = 0; i < tensors.size(); ++i) zip.add(root + "data/" + std::to_string(i), tensors[i].write);
  zip.add(root + "version", "3\n");
  zip.commit();
}

}  // namespace fledge
