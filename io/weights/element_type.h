// Element types as weight files write them: more than fledge computes in. One table says what each is called where.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

#include "kernels/api/dtype.h"

namespace fledge {

enum class ElementType : std::uint8_t {
  F32,
  F64,
  F16,
  BF16,
  I64,
  I32,
  I16,
  I8,
  U8,
  Bool,
  U16,
  U32,
  U64,
  C32,
  C64,
  C128,
  F8E4M3,
  F8E5M2,
  F8E4M3FNUZ,
  F8E5M2FNUZ
};

struct ElementInfo {
  ElementType type;
  const char* name;         // PyTorch's: "float32"
  const char* safetensors;  // "F32"; null: the format has no such type
  const char* storage;      // "FloatStorage"; null: only in untyped storages
  int bytes;
  std::optional<DType> dtype;  // dtype_for()
};

const ElementInfo& info_of(ElementType type);
std::optional<ElementType> element_named(std::string_view name);                // "float32"
std::optional<ElementType> element_of_safetensors(std::string_view name);       // "F32"
std::optional<ElementType> element_of_storage(std::string_view storage_class);  // "FloatStorage"

/// What a tensor of this type becomes in memory: float16 is widened to float32, int8, int16 and uint16 to int32, uint32
/// to int64, bool is uint8; the others keep their type. None for complex numbers, float8 and uint64.
std::optional<DType> dtype_for(ElementType type);
ElementType element_for(DType dtype);

}  // namespace fledge
