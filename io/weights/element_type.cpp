#include "io/weights/element_type.h"

namespace fledge {
namespace {

using T = ElementType;
constexpr ElementInfo kTypes[] = {
    {T::F32, "float32", "F32", "FloatStorage", 4},
    {T::F64, "float64", "F64", "DoubleStorage", 8},
    {T::F16, "float16", "F16", "HalfStorage", 2},
    {T::BF16, "bfloat16", "BF16", "BFloat16Storage", 2},
    {T::I64, "int64", "I64", "LongStorage", 8},
    {T::I32, "int32", "I32", "IntStorage", 4},
    {T::I16, "int16", "I16", "ShortStorage", 2},
    {T::I8, "int8", "I8", "CharStorage", 1},
    {T::U8, "uint8", "U8", "ByteStorage", 1},
    {T::Bool, "bool", "BOOL", "BoolStorage", 1},
    {T::U16, "uint16", "U16", nullptr, 2},
    {T::U32, "uint32", "U32", nullptr, 4},
    {T::U64, "uint64", "U64", nullptr, 8},
    {T::C32, "complex32", nullptr, "ComplexHalfStorage", 4},
    {T::C64, "complex64", "C64", "ComplexFloatStorage", 8},
    {T::C128, "complex128", nullptr, "ComplexDoubleStorage", 16},
    {T::F8E4M3, "float8_e4m3fn", "F8_E4M3", nullptr, 1},
    {T::F8E5M2, "float8_e5m2", "F8_E5M2", nullptr, 1},
    {T::F8E4M3FNUZ, "float8_e4m3fnuz", nullptr, nullptr, 1},
    {T::F8E5M2FNUZ, "float8_e5m2fnuz", nullptr, nullptr, 1},
};

std::optional<ElementType> find(const char* ElementInfo::*column, std::string_view name) {
  for (const ElementInfo& e : kTypes)
    if (e.*column && e.*column == name) return e.type;
  return std::nullopt;
}

}  // namespace

const ElementInfo& info_of(ElementType type) {
  for (const ElementInfo& e : kTypes)
    if (e.type == type) return e;
  return kTypes[0];
}

std::optional<ElementType> element_named(std::string_view name) { return find(&ElementInfo::name, name); }
std::optional<ElementType> element_of_safetensors(std::string_view name) {
  return find(&ElementInfo::safetensors, name);
}
std::optional<ElementType> element_of_storage(std::string_view storage_class) {
  return find(&ElementInfo::storage, storage_class);
}

std::optional<DType> dtype_for(ElementType type) {
  switch (type) {
    case T::F32:
    case T::F16:
      return DType::Float32;
    case T::F64:
      return DType::Float64;
    case T::BF16:
      return DType::BFloat16;
    case T::I64:
    case T::U32:
      return DType::Int64;
    case T::I32:
    case T::I16:
    case T::I8:
    case T::U16:
      return DType::Int32;
    case T::U8:
    case T::Bool:
      return DType::UInt8;
    default:
      return std::nullopt;
  }
}

ElementType element_for(DType dtype) {
  switch (dtype) {
    case DType::Float32:
      return T::F32;
    case DType::Float64:
      return T::F64;
    case DType::BFloat16:
      return T::BF16;
    case DType::Int32:
      return T::I32;
    case DType::Int64:
      return T::I64;
    case DType::UInt8:
      return T::U8;
  }
  return T::F32;
}

}  // namespace fledge
