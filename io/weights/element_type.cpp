#include "io/weights/element_type.h"

namespace fledge {
namespace {

using T = ElementType;
// Of those that become one type in memory, the type itself comes first.
constexpr ElementInfo kTypes[] = {
    {T::F32, "float32", "F32", "FloatStorage", 4, DType::Float32},
    {T::F64, "float64", "F64", "DoubleStorage", 8, DType::Float64},
    {T::F16, "float16", "F16", "HalfStorage", 2, DType::Float32},
    {T::BF16, "bfloat16", "BF16", "BFloat16Storage", 2, DType::BFloat16},
    {T::I64, "int64", "I64", "LongStorage", 8, DType::Int64},
    {T::I32, "int32", "I32", "IntStorage", 4, DType::Int32},
    {T::I16, "int16", "I16", "ShortStorage", 2, DType::Int32},
    {T::I8, "int8", "I8", "CharStorage", 1, DType::Int32},
    {T::U8, "uint8", "U8", "ByteStorage", 1, DType::UInt8},
    {T::Bool, "bool", "BOOL", "BoolStorage", 1, DType::UInt8},
    {T::U16, "uint16", "U16", nullptr, 2, DType::Int32},
    {T::U32, "uint32", "U32", nullptr, 4, DType::Int64},
    {T::U64, "uint64", "U64", nullptr, 8, std::nullopt},
    {T::C32, "complex32", nullptr, "ComplexHalfStorage", 4, std::nullopt},
    {T::C64, "complex64", "C64", "ComplexFloatStorage", 8, std::nullopt},
    {T::C128, "complex128", nullptr, "ComplexDoubleStorage", 16, std::nullopt},
    {T::F8E4M3, "float8_e4m3fn", "F8_E4M3", nullptr, 1, std::nullopt},
    {T::F8E5M2, "float8_e5m2", "F8_E5M2", nullptr, 1, std::nullopt},
    {T::F8E4M3FNUZ, "float8_e4m3fnuz", nullptr, nullptr, 1, std::nullopt},
    {T::F8E5M2FNUZ, "float8_e5m2fnuz", nullptr, nullptr, 1, std::nullopt},
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

std::optional<DType> dtype_for(ElementType type) { return info_of(type).dtype; }

ElementType element_for(DType dtype) {
  for (const ElementInfo& e : kTypes)
    if (e.dtype == dtype) return e.type;
  return T::F32;
}

}  // namespace fledge
