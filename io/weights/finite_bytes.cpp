#include "io/weights/finite_bytes.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "base/printable.h"
#include "io/weights/widen.h"

namespace fledge {
namespace {

template <class Word>
std::int64_t first_in(const char* bytes, std::size_t size, Word exponent) {
  Word words[2048];  // a copy: the bytes may lie at any address
  for (std::size_t at = 0; at < size; at += sizeof words) {
    const std::size_t part = std::min(sizeof words, size - at);
    std::memcpy(words, bytes + at, part);
    const std::int64_t found = first_not_finite_word(words, static_cast<std::int64_t>(part / sizeof(Word)), exponent);
    if (found >= 0) return static_cast<std::int64_t>(at / sizeof(Word)) + found;
  }
  return -1;
}

/// Place of the first NaN or infinity; -1: none.
std::int64_t first_not_finite(ElementType type, const char* bytes, std::size_t size) {
  switch (type) {
    case ElementType::F32:
      return first_in<std::uint32_t>(bytes, size, 0x7f800000u);
    case ElementType::F64:
      return first_in<std::uint64_t>(bytes, size, 0x7ff0000000000000ull);
    case ElementType::F16:
      return first_in<std::uint16_t>(bytes, size, std::uint16_t{0x7c00});
    case ElementType::BF16:
      return first_in<std::uint16_t>(bytes, size, std::uint16_t{0x7f80});
    default:
      return -1;
  }
}

/// The numbers of whole elements as a tensor.
Tensor as_tensor(ElementType type, const char* bytes, std::size_t size) {
  const Tensor t = Tensor::empty({static_cast<std::int64_t>(size) / info_of(type).bytes}, *dtype_for(type));
  widen(type, bytes, size, static_cast<char*>(t.raw()));
  return t;
}

Dims index_in(const std::vector<std::int64_t>& shape, std::int64_t number) {
  Dims index;
  for (const std::int64_t size : shape) index.push_back(size);
  for (int axis = index.rank() - 1; axis >= 0; --axis) {
    const std::int64_t size = index[axis];
    index[axis] = number % size;
    number /= size;
  }
  return index;
}

bool looked_at(const TensorToSave& t) {
  const bool real = t.type == ElementType::F32 || t.type == ElementType::F64 || t.type == ElementType::F16 ||
                    t.type == ElementType::BF16;
  return real && t.shape.size() <= Dims::kMaxRank;
}

/// Looks at a tensor's pieces in turn.
class Watch {
 public:
  Watch(const TensorToSave& tensor, Sound wanted) : type_(tensor.type), shape_(tensor.shape), wanted_(wanted) {}

  std::optional<Unsound> look(const char* bytes, std::size_t size) {
    const std::int64_t before = passed_;
    passed_ += static_cast<std::int64_t>(size) / info_of(type_).bytes;
    if (wanted_ == Sound::Finite && first_not_finite(type_, bytes, size) < 0) return std::nullopt;
    auto bad = first_unsound(as_tensor(type_, bytes, size), wanted_);
    if (bad) bad->index = index_in(shape_, before + bad->index[0]);
    return bad;
  }

 private:
  ElementType type_;
  std::vector<std::int64_t> shape_;
  Sound wanted_;
  std::int64_t passed_ = 0;
};

}  // namespace

std::optional<Unsound> first_unsound(const TensorToSave& tensor, Sound wanted) {
  std::optional<Unsound> first;
  if (!looked_at(tensor)) return first;
  Watch watch(tensor, wanted);
  tensor.write([&](const char* bytes, std::size_t size) {
    const auto bad = watch.look(bytes, size);
    if (!first) first = bad;
  });
  return first;
}

TensorToSave checked(TensorToSave tensor, Sound wanted, const std::string& hint) {
  if (!looked_at(tensor)) return tensor;
  TensorToSave result = tensor;
  result.write = [tensor = std::move(tensor), wanted, hint](const ByteSink& sink) {
    Watch watch(tensor, wanted);
    tensor.write([&](const char* bytes, std::size_t size) {
      if (const auto bad = watch.look(bytes, size))
        throw Error(ErrorKind::BadInput, "", "tensor '" + printable(tensor.name) + "' is " + describe(*bad), hint);
      sink(bytes, size);
    });
  };
  return result;
}

}  // namespace fledge
