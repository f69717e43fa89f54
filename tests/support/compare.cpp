#include "tests/support/compare.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "kernels/api/bf16.h"
#include "kernels/onednn/conv.h"
#include "kernels/ref/table.h"

namespace fledge::test {
namespace {

std::string index_text(const Dims& dims, std::int64_t number) {
  Dims index = dims;
  for (int axis = dims.rank() - 1; axis >= 0; --axis) {
    index[axis] = number % dims[axis];
    number /= dims[axis];
  }
  std::string s = "[";
  for (int i = 0; i < index.rank(); ++i) s += (i ? "," : "") + std::to_string(index[i]);
  return s + "]";
}

}  // namespace

TensorView expanded(const Operand& o, Side s, const Dims& dims) {
  TensorView v = o[s];
  for (int i = 0; i < dims.rank(); ++i)
    if (v.dims[i] == 1) v.strides[i] = 0;
  v.dims = dims;
  return v;
}

double Operands::uniform(double low, double high) {
  // splitmix64 (Steele et al. 2014)
  std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ull);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  z ^= z >> 31;
  return low + (high - low) * (static_cast<double>(z >> 11) * 0x1p-53);
}

namespace {

/// Fills the fast side, and the oracle with what its rounding left.
Operand filled(Operand o, const std::function<double(std::int64_t)>& value) {
  o.fast.fill_from(value);
  o.oracle.fill_from([&](std::int64_t i) { return o.fast.get(i); });
  return o;
}

}  // namespace

Operand Operands::input(const Dims& dims, double low, double high, DType fast) {
  return filled(output(dims, fast), [&](std::int64_t) { return uniform(low, high); });
}

Operand Operands::ties(const Dims& dims, int low, int high, DType fast) {
  return filled(output(dims, fast), [&](std::int64_t) { return std::floor(uniform(low, high + 1)); });
}

Operand Operands::integers(const Dims& dims, DType dtype, int low, int high) { return ties(dims, low, high, dtype); }

Operand Operands::from_oracle(const Operand& from) {
  const DType t = from.oracle.dtype();
  return from_oracle(from, is_floating(t) ? DType::Float32 : t);
}
Operand Operands::from_oracle(const Operand& from, DType fast) {
  return filled(output(from.oracle.dims(), fast), [&](std::int64_t i) { return from.oracle.get(i); });
}

std::string mismatch(const std::string& what, const HostTensor& got, const HostTensor& expected,
                     std::int64_t reduction_length, double tolerance) {
  if (!got.canaries_intact()) return what + ": wrote outside its buffer";
  const Dims& dims = got.dims();
  if (!(dims == expected.dims())) return what + ": dims differ";
  const std::int64_t n = dims.numel();
  double squares = 0;
  for (std::int64_t i = 0; i < n; ++i)
    if (std::isfinite(expected.get(i))) squares += expected.get(i) * expected.get(i);
  const double rms = n > 0 ? std::sqrt(squares / static_cast<double>(n)) : 0;
  const double factor = is_floating(got.dtype())
                            ? tolerance * std::sqrt(static_cast<double>(std::max<std::int64_t>(1, reduction_length)))
                            : 0;
  std::int64_t worst = -1;
  double worst_ratio = 1;
  for (std::int64_t i = 0; i < n; ++i) {
    const double a = got.get(i), b = expected.get(i);
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    const double error = std::fabs(a - b), bound = factor * std::max(std::fabs(b), rms);
    // NaN or an infinity on one side only, and any difference where none is allowed, is infinitely wrong.
    const bool comparable = std::isfinite(a) && std::isfinite(b) && bound > 0;
    const double ratio = comparable ? error / bound : INFINITY;
    if (ratio > worst_ratio) {
      worst = i;
      worst_ratio = ratio;
    }
  }
  if (worst < 0) return "";
  std::ostringstream s;
  s.precision(9);
  s << what << " at " << index_text(dims, worst) << " of " << to_string(dims) << ": got " << got.get(worst)
    << ", expected " << expected.get(worst) << ", " << worst_ratio << " times the allowed error (reduction length "
    << reduction_length << ", tolerance " << tolerance << ")";
  return s.str();
}

std::string mismatch(const std::string& what, const Operand& y, std::int64_t reduction_length, double tolerance) {
  return mismatch(what, y.fast, y.oracle, reduction_length, tolerance);
}

std::string TableUnderTest::label() const {
  return name + " " + name_of(layout) + (backend ? "" : " " + std::to_string(ctx.threads()) + " threads");
}

const Backend* gpu_under_test() {
  const GpuModule& gpu = gpu_module();
  static const bool said = [&] {
    if (!gpu.backend) std::fprintf(stderr, "skipped on the GPU: %s\n", gpu.missing.c_str());
    return true;
  }();
  (void)said;
  return gpu.backend;
}

std::string gpu_name(const Backend& gpu) {
  static const DeviceProperties p = gpu.runtime->properties(0);
  return p.emulated ? "cuda (emulated)" : "cuda (" + p.name + ")";
}

/// f(table), where FLEDGE_TEST_TABLES does not leave it out.
static void run_wanted(const std::function<void(const TableUnderTest&)>& f, const TableUnderTest& table) {
  const char* only = std::getenv("FLEDGE_TEST_TABLES");
  if (!only || table.name.find(only) != std::string::npos) f(table);
}

void for_each_table(const std::function<void(const TableUnderTest&)>& f) {
  static ExecContext one(1), two(2), device(1);
  static const KernelTable ref_f32 = ref::ref_table<float>();
  run_wanted(f, {"ref", ref_f32, HostLayout::Contiguous, one});
  run_wanted(f, {"ref", ref_f32, HostLayout::ChannelsLast, one});
  for (const char* name : {"simd", "onednn"})
    for (ExecContext* ctx : {&one, &two})
      run_wanted(f, {name, cpu_table(name, DType::Float32), HostLayout::ChannelsLast, *ctx});
  if (const Backend* gpu = gpu_under_test())
    run_wanted(f, {gpu_name(*gpu), gpu->f32, HostLayout::ChannelsLast, device, gpu});
}

static void emulated_grad_weight(ExecContext& ctx, const TensorView& dy, const TensorView& x, const TensorView& dw,
                                 const Conv2dParams& p) {
  const auto grad_weight = onednn::bf16_grad_weight_is_right(x, dw) ? &onednn::conv2d_grad_weight
                                                                    : cpu_table("simd", kNarrow).conv.grad_weight;
  grad_weight(ctx, dy, x, dw, p);
}

/// The CPU's table, but convolutions are oneDNN's own in bfloat16.
static const KernelTable& emulated_bf16_table() {
  static const KernelTable table = [] {
    KernelTable t = cpu_table("onednn", kNarrow);
    const auto grad_bias = t.conv.grad_bias;
    t.conv = {.forward = &onednn::conv2d_forward,
              .grad_input = &onednn::conv2d_grad_input,
              .grad_weight = &emulated_grad_weight,
              .grad_bias = grad_bias,
              .forward_fused = &onednn::conv2d_forward_fused};
    return t;
  }();
  return table;
}

void for_each_bf16_table(const std::function<void(const TableUnderTest&)>& f) {
  static ExecContext one(1), two(2), device(1);
  for (const HostLayout layout : {HostLayout::Contiguous, HostLayout::ChannelsLast})
    run_wanted(f, {"ref bf16", cpu_table("ref", kNarrow), layout, one});
  for (const std::string name : {"simd", "onednn"})
    for (ExecContext* ctx : {&one, &two})
      run_wanted(f, {name + " bf16", cpu_table(name, kNarrow), HostLayout::ChannelsLast, *ctx});
  // With AVX-512 oneDNN emulates what later instructions multiply: slowly, but by the same calls.
  if (cpu_library().isa.starts_with("avx512") && !cpu_multiplies_bf16())
    for (ExecContext* ctx : {&one, &two})
      run_wanted(f, {"emulated bf16", emulated_bf16_table(), HostLayout::ChannelsLast, *ctx});
  if (const Backend* gpu = gpu_under_test())
    run_wanted(f, {gpu_name(*gpu) + " bf16", gpu->bf16, HostLayout::ChannelsLast, device, gpu});
}

const KernelTable& oracle_table() {
  static const KernelTable table = ref::ref_table<double>();
  return table;
}

std::vector<Dims> reduced_dims(const Dims& x) {
  std::vector<Dims> all;
  for (int axes = 0; axes < 1 << x.rank(); ++axes) {
    Dims y = x;
    for (int i = 0; i < x.rank(); ++i)
      if (axes >> i & 1) y[i] = 1;
    all.push_back(y);
  }
  return all;
}

}  // namespace fledge::test
