// Backward of a batch norm and the one-tap convolution behind it (kernels/api/norm.h). One pass by blocks of pixels:
// dz = dy w, its sums for the norm, and dw += dy^T z, where z is made anew, each while the block lies in the cache;
// then the norm's second pass.
#include <algorithm>

#include "kernels/cpu/conv/normed_rows.h"
#include "kernels/cpu/conv/panels.h"
#include "kernels/cpu/conv/pointwise.h"
#include "kernels/cpu/overlays.h"

namespace fledge::cpu {
namespace {

/// Sizes, and who works on what.
struct Blocks {
  std::int64_t pixels, c, k;
  bool turned;                       // sums of dw are C x K: K are whole panels, C are not
  std::int64_t wide_c;               // C, as whole panels where the sums of dw need them
  std::int64_t strip, block, count;  // pixels of a product, of a block; blocks
  int parts, threads;

  Blocks(const ExecContext& ctx, const TensorView& x, const TensorView& dy)
      : pixels(dy.numel() / dy.dims[1]),
        c(x.dims[1]),
        k(dy.dims[1]),
        turned(c != whole_panels(c) && k == whole_panels(k)),
        wide_c(turned ? c : whole_panels(c)) {
    // The factors of the products stay in the first-level cache, what a block has of all maps in the second.
    constexpr std::int64_t kStripFloats = 4 * 1024, kBlockFloats = 48 * 1024, kLeast = 48, kMost = 480;
    const std::int64_t rows = 2 * simd().product_rows;
    const auto whole = [rows](std::int64_t n) { return (n + rows - 1) / rows * rows; };
    strip = whole(std::max(kLeast, kStripFloats / std::max(c, k)));
    block = std::max<std::int64_t>(1, std::min(kMost, kBlockFloats / (2 * c + k)) / strip) * strip;
    count = (pixels + block - 1) / block;
    // Each part adds dw up for itself.
    constexpr std::int64_t kSumFloats = 4 << 20;
    const std::int64_t most = std::max<std::int64_t>(thread_invariant() ? 1 : ctx.threads(), kSumFloats / (k * wide_c));
    parts = static_cast<int>(std::min<std::int64_t>(sum_parts(ctx, count, 2), most));
    threads = sum_threads(ctx, parts);
  }
};

/// The panels of w (K x C) with which dy is multiplied.
void pack_turned(const TensorView& w, float* to) {
  const std::int64_t k = w.dims[0], c = w.dims[1], panel = simd().product_panel;
  const auto* from = w.as<float>();
  for (std::int64_t first = 0; first < c; first += panel, to += k * panel)
    for (std::int64_t i = 0; i < k; ++i) {
      const std::int64_t n = std::min(panel, c - first);
      std::copy_n(from + i * c + first, n, to + i * panel);
      std::fill(to + i * panel + n, to + (i + 1) * panel, 0.0f);
    }
}

class Backward {
 public:
  Backward(ExecContext& ctx, const BatchNormPointwiseArgs& in, const BatchNormPointwiseGrads& out,
           const BatchNormParams& p)
      : ctx_(ctx),
        in_(in),
        out_(out),
        b_(ctx, in.x, in.dy),
        m_(b_.pixels, b_.c),
        needs_dz_(out.dx || out.dgamma || out.dbeta),
        room_(ctx, m_, b_.parts, floats()),
        bounds_(bounds_of(p.activation)),
        masked_(p.activation != Activation::None) {
    for (std::int64_t i = 0; i < b_.c; ++i) scale()[i] = scale_of(in.gamma, in.invstd, i);
    m_.repeat(scale(), scale());
    m_.repeat(in.mean.as<float>(), mean());
    m_.repeat(in.beta.as<float>(), beta());
    if (needs_dz_) pack_turned(in.w, panels());
  }

  void run() const {
    const NormedRows z(m_, in_.x, scale(), beta(), mean(), bounds_);
    parallel_parts(b_.threads, b_.parts, b_.count, [&](int thread, int part, std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t first = i * b_.block, rows = std::min(b_.block, b_.pixels - first);
        if (needs_dz_) reduce(part, first, rows, multiply(thread, first, rows));
        if (out_.dw) add_to_weights(part, thread, first, rows, z, i > begin);
      }
    });
    room_.add_parts(m_);
    gradient_parameters(room_, in_.invstd, b_.pixels, {.dgamma = out_.dgamma, .dbeta = out_.dbeta}, m1(), m2());
    if (out_.dx) center();
    if (out_.dw) add_weights();
  }

 private:
  std::int64_t panel_floats() const { return needs_dz_ ? whole_panels(b_.c) * b_.k : 0; }
  std::int64_t thread_floats() const { return b_.block * b_.wide_c; }
  std::int64_t weight_floats() const { return out_.dw ? b_.k * b_.wide_c : 0; }
  std::int64_t floats() const { return panel_floats() + 2 * b_.threads * thread_floats() + b_.parts * weight_floats(); }
  float* mean() const { return room_.row(0); }
  float* scale() const { return room_.row(1); }
  float* m1() const { return room_.row(2); }
  float* m2() const { return room_.row(3); }
  float* beta() const { return room_.row(4); }
  float* panels() const { return room_.more; }
  float* of_thread(int thread) const { return panels() + panel_floats() + 2 * thread * thread_floats(); }
  float* weights_of(int part) const { return of_thread(b_.threads) + part * weight_floats(); }

  /// dz of a block: where dx will lie, or with none wanted in the thread's memory.
  float* multiply(int thread, std::int64_t first, std::int64_t rows) const {
    float* const dz = out_.dx ? out_.dx->as<float>() + first * b_.c : of_thread(thread) + thread_floats();
    const Bounds none = bounds_of(Activation::None);
    for (std::int64_t at = 0; at < rows; at += b_.strip)
      simd().product_fused({.x = in_.dy.as<float>() + (first + at) * b_.k,
                            .w = panels(),
                            .bias = nullptr,
                            .y = dz + at * b_.c,
                            .ldx = b_.k,
                            .ldy = b_.c,
                            .run_stride = 0,
                            .runs = 1,
                            .rows = std::min(b_.strip, rows - at),
                            .depth = b_.k,
                            .columns = b_.c,
                            .lo = none.lo,
                            .hi = none.hi});
    return dz;
  }

  /// Masks dz and adds its sums up.
  void reduce(int part, std::int64_t first, std::int64_t rows, float* dz) const {
    double* const sums = room_.of_part(part);
    const NormReduceArgs a{dz,
                           in_.x.as<float>() + first * b_.c,
                           nullptr,
                           masked_ ? dz : nullptr,
                           mean(),
                           scale(),
                           masked_ ? beta() : nullptr,
                           bounds_.lo,
                           bounds_.hi,
                           sums,
                           sums + room_.width};
    m_.over(rows, [&](std::int64_t begin, std::int64_t end, std::int64_t width) {
      simd().norm_reduce(a, begin, end, width, room_.floats_of_part(part));
    });
  }

  void add_to_weights(int part, int thread, std::int64_t first, std::int64_t rows, const NormedRows& z,
                      bool add) const {
    float* const made = of_thread(thread);
    z.copy(first, rows, made);
    for (std::int64_t i = rows; b_.wide_c > b_.c && i-- > 0;) {  // whole panels, from the last row to the first
      std::copy_backward(made + i * b_.c, made + (i + 1) * b_.c, made + i * b_.wide_c + b_.c);
      std::fill_n(made + i * b_.wide_c + b_.c, b_.wide_c - b_.c, 0.0f);
    }
    const float* const dy = in_.dy.as<float>() + first * b_.k;
    if (b_.turned)
      add_products(made, b_.c, dy, b_.k, rows, weights_of(part), add);
    else
      add_products(dy, b_.k, made, b_.wide_c, rows, weights_of(part), add);
  }

  /// sums (A x B) = or += a^T b, of so many rows of A and B columns; B are whole panels.
  static void add_products(const float* a, std::int64_t a_columns, const float* b, std::int64_t b_columns,
                           std::int64_t rows, float* sums, bool add) {
    constexpr std::int64_t kOfA = 96, kOfB = 128;  // what a call adds to, some 48 KiB
    for (std::int64_t j = 0; j < b_columns; j += kOfB)
      for (std::int64_t i = 0; i < a_columns; i += kOfA)
        simd().product_transposed({.x = a + i,
                                   .w = b + j,
                                   .y = sums + i * b_columns + j,
                                   .ldx = a_columns,
                                   .ldw = b_columns,
                                   .ldy = b_columns,
                                   .rows = std::min(kOfA, a_columns - i),
                                   .depth = rows,
                                   .columns = std::min(kOfB, b_columns - j)},
                                  add);
  }

  /// dx from dz, in its place.
  void center() const {
    m_.repeat(m1(), m1());
    m_.repeat(m2(), m2());
    float* const dx = out_.dx->as<float>();
    const NormGradArgs a{dx,   in_.x.as<float>(), nullptr,    dx,        nullptr, mean(), scale(), m1(),
                         m2(), nullptr,           bounds_.lo, bounds_.hi};
    over_rows(ctx_, m_, sizeof(float), [&](std::int64_t begin, std::int64_t end, std::int64_t width) {
      simd().norm_grad(a, begin, end, width);
    });
  }

  void add_weights() const {
    const auto row = [&](std::int64_t k) {
      float* const to = out_.dw->as<float>() + k * b_.c;
      for (std::int64_t i = 0; i < b_.c; ++i) {
        const std::int64_t at = b_.turned ? i * b_.k + k : k * b_.wide_c + i;
        float sum = weights_of(0)[at];
        for (int part = 1; part < b_.parts; ++part) sum += weights_of(part)[at];
        to[i] = sum;
      }
    };
    parallel_for(ctx_.threads(), b_.k, row_grain(b_.c * b_.parts), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t k = begin; k < end; ++k) row(k);
    });
  }

  ExecContext& ctx_;
  const BatchNormPointwiseArgs& in_;
  const BatchNormPointwiseGrads& out_;
  Blocks b_;
  Columns m_;
  bool needs_dz_;
  NormRoom room_;
  Bounds bounds_;
  bool masked_;
};

}  // namespace

void batch_norm_pointwise_backward(ExecContext& ctx, const BatchNormPointwiseArgs& in,
                                   const BatchNormPointwiseGrads& out, const BatchNormParams& p) {
  if (in.x.numel() == 0 || in.dy.numel() == 0 || !all_channels_last({&in.dy, &in.x, &in.w, out.dx, out.dw}))
    return reference().norm.batch_norm_pointwise_backward(ctx, in, out, p);
  if (ctx.report) ctx.report->implementation = "blocks";
  Backward(ctx, in, out, p).run();
}

}  // namespace fledge::cpu
