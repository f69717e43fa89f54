// Completeness: the reference computes everything, and so do the CPU's default table and the GPU's.
#include "kernels/ref/table.h"

#include <catch2/catch.hpp>

#include "base/error.h"
#include "kernels/api/backend.h"
#include "tests/support/compare.h"
#include "tests/support/sanitized.h"

using namespace fledge;

namespace {

/// A KernelTable is nothing but function pointers, so that entries added later are counted without being listed here.
template <class Entries>
int null_entries(const Entries& table) {
  using Entry = void (*)();
  static_assert(sizeof(Entries) % sizeof(Entry) == 0);
  const auto* entries = reinterpret_cast<const unsigned char*>(&table);
  int nulls = 0;
  for (std::size_t i = 0; i < sizeof(Entries); i += sizeof(Entry)) {
    bool any = false;
    for (std::size_t b = 0; b < sizeof(Entry); ++b) any |= entries[i + b] != 0;
    nulls += !any;
  }
  return nulls;
}

template <class Entries>
bool is_empty(const Entries& entries) {
  return null_entries(entries) == static_cast<int>(sizeof(Entries) / sizeof(void*));
}

/// In mixed precision there is what activations pass through. Losses in 16 bits are nobody's accident.
void check_mixed(const KernelTable& bf16) {
  CHECK(null_entries(bf16.conv) == 3);
  CHECK_FALSE(bf16.conv.separable_fused);  // two kernels do as well
  CHECK_FALSE(bf16.conv.pixels_fused);
  CHECK_FALSE(bf16.conv.forward_moments);  // the norm takes them itself
  CHECK(null_entries(bf16.norm) == 3);
  CHECK_FALSE(bf16.norm.batch_norm_from_moments);
  CHECK_FALSE(bf16.norm.batch_norm_pointwise);
  CHECK_FALSE(bf16.norm.batch_norm_pointwise_backward);
  CHECK(null_entries(bf16.pool) == 0);
  CHECK(null_entries(bf16.eltwise) == 0);
  CHECK(null_entries(bf16.image) == 0);
  CHECK(is_empty(bf16.reduce));
  CHECK(is_empty(bf16.gemm));
  CHECK(is_empty(bf16.gather));
  CHECK(is_empty(bf16.distance));
  CHECK(is_empty(bf16.optim));
}

}  // namespace

TEST_CASE("an empty table counts as empty", "[table]") {
  CHECK(is_empty(KernelTable{}));
  CHECK_FALSE(is_empty(ref::ref_table<float>()));
}

TEST_CASE("the reference tables have no null entry", "[table]") {
  CHECK(null_entries(ref::ref_table<float>()) == 0);
  CHECK(null_entries(ref::ref_table<double>()) == 0);
}

TEST_CASE("the CPU tables have no null entry", "[table]") {
  for (const char* name : {"ref", "simd", "onednn"}) {
    INFO(name);
    CHECK(null_entries(cpu_table(name, DType::Float32)) == 0);
  }
  const Backend& cpu = backend_for({});
  CHECK(null_entries(cpu.f32) == 0);
  CHECK(null_entries(cpu.f64) == 0);
  check_mixed(cpu.bf16);
  for (const char* name : {"ref", "simd", "onednn"}) check_mixed(cpu_table(name, DType::BFloat16));
}

TEST_CASE("the GPU's tables: everything in float32, in bf16 what activations pass through", "[table]") {
  const Backend* gpu = test::gpu_under_test();
  if (!gpu) return;
  // Two kernels do as well there, and norms take the moments themselves.
  CHECK(null_entries(gpu->f32) == 6);
  CHECK_FALSE(gpu->f32.conv.separable_fused);
  CHECK_FALSE(gpu->f32.conv.pixels_fused);
  CHECK_FALSE(gpu->f32.conv.forward_moments);
  CHECK_FALSE(gpu->f32.norm.batch_norm_from_moments);
  CHECK_FALSE(gpu->f32.norm.batch_norm_pointwise);
  CHECK_FALSE(gpu->f32.norm.batch_norm_pointwise_backward);
  CHECK(is_empty(gpu->f64));
  check_mixed(gpu->bf16);
}

TEST_CASE("the full CPU table is faster than plain loops where it must be", "[table]") {
  // A fallback to the reference here would be correct and hopelessly slow, and nothing else would notice.
  const KernelTable& fast = cpu_table("onednn", DType::Float32);
  const KernelTable plain = ref::ref_table<float>();
  CHECK(fast.conv.forward != plain.conv.forward);
  CHECK(fast.conv.forward_fused != plain.conv.forward_fused);
  CHECK(fast.conv.grad_input != plain.conv.grad_input);
  CHECK(fast.conv.grad_weight != plain.conv.grad_weight);
  CHECK(fast.norm.batch_norm_train != plain.norm.batch_norm_train);
  CHECK(fast.norm.batch_norm_backward != plain.norm.batch_norm_backward);
  CHECK(fast.gemm.matmul != plain.gemm.matmul);
  CHECK(fast.eltwise.unary != plain.eltwise.unary);
  CHECK(fast.eltwise.binary != plain.eltwise.binary);
  CHECK(fast.pool.max_pool2d != plain.pool.max_pool2d);

  const KernelTable &mixed = cpu_table("onednn", DType::BFloat16), loops = ref::ref_bf16_table();
  CHECK(mixed.conv.forward != loops.conv.forward);
  CHECK(mixed.conv.forward_fused != loops.conv.forward_fused);
  CHECK(mixed.conv.grad_input != loops.conv.grad_input);
  CHECK(mixed.conv.grad_weight != loops.conv.grad_weight);
  CHECK(mixed.norm.batch_norm_train != loops.norm.batch_norm_train);
  CHECK(mixed.norm.batch_norm_eval != loops.norm.batch_norm_eval);
  CHECK(mixed.norm.batch_norm_backward != loops.norm.batch_norm_backward);
  CHECK(mixed.pool.max_pool2d != loops.pool.max_pool2d);
  CHECK(mixed.eltwise.unary != loops.eltwise.unary);
  CHECK(mixed.eltwise.copy != loops.eltwise.copy);
}

TEST_CASE("backends: memory is aligned, and a missing GPU is said", "[table]") {
  const Backend& cpu = backend_for({});
  CHECK(std::string(cpu.name) == "cpu");
  void* p = cpu.allocate(100);
  CHECK(reinterpret_cast<std::uintptr_t>(p) % 64 == 0);
  cpu.deallocate(p, 100);
  CHECK(all_backends().front() == &cpu);
  if (all_backends().size() > 1) return;
  try {
    backend_for({Device::Type::GPU, 0});
    FAIL("a device that does not exist was given a backend");
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::Resource);
    CHECK_THAT(e.what(), Catch::Contains("device cuda:0 cannot be used: " + gpu_module().missing));
    CHECK_FALSE(gpu_module().missing.empty());
    CHECK_FALSE(e.hint().empty());
  }
}

TEST_CASE("execution context: threads, and scratch that grows and stays aligned", "[table]") {
  ExecContext ctx;
  CHECK(ctx.threads() >= 1);
  ctx.set_threads(2);
  CHECK(ctx.threads() == 2);
  for (std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{1000}, std::size_t{10}}) {
    void* p = ctx.scratch(bytes);
    REQUIRE(p != nullptr);
    CHECK(reinterpret_cast<std::uintptr_t>(p) % 64 == 0);
    CHECK(ctx.scratch_bytes() >= bytes);
  }
  CHECK(ctx.scratch_bytes() >= 1000);
  if (!fledge::test::kSanitized) CHECK_THROWS_AS(ctx.scratch(std::size_t{1} << 62), Error);  // asan ends the process
  CHECK(ctx.scratch(64) != nullptr);
}
