// SimdTable: what one instruction set's object files offer. Plain pointers and sizes only: these files
// may include nothing whose inline functions other files share (kernels/cpu/README.md). All float data
// dense; "rows x c" is row-major. Every function works on the part it is given: the callers in
// kernels/cpu/*.cpp divide the work among threads.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/api/optim_rules.h"
#include "kernels/cpu/simd/bf16_loops.h"

namespace fledge::cpu {

// Depthwise convolution, channels-last. w: R*S rows of C (tap-major). y = clamp(conv + bias + residual, lo, hi).
struct DepthwiseArgs {
  const float* x;
  const float* w;
  const float* bias;      // C or null
  const float* residual;  // like y or null
  const float* zeros;     // a row of x, w_in*c zeros: what lies above and below the picture
  float* y;
  std::int64_t first_row;  // of the N*P rows, where y and residual begin
  std::int64_t c, h, w_in, p, q;
  int r, s, stride_h, stride_w, pad_top, pad_left;
  float lo, hi;  // -inf, +inf when there is no activation
};
// Gradient with respect to the input: dx is N,H,W,C, dy is N,P,Q,C; w as above (not flipped).
struct DepthwiseGradInputArgs {
  const float* dy;
  const float* w;
  float* dx;
  std::int64_t c, h, w_in, p, q;
  int r, s, stride_h, stride_w, pad_top, pad_left;
};
// Adds into dw: R*S rows of C doubles.
struct DepthwiseGradWeightArgs {
  const float* dy;
  const float* x;
  double* dw;
  std::int64_t c, h, w_in, p, q;
  int r, s, stride_h, stride_w, pad_top, pad_left;
};

// Batch norm on rows x c. The masks of the backward pass: kept where lo < y < hi. y null: with beta it is found from x
// as norm_apply does, without there is no activation. Results may be written over x or dy.
struct NormApplyArgs {
  const float *x, *residual;  // residual null or like x
  float* y;
  const float *mean, *scale, *beta;  // c
  float lo, hi;
};
struct NormReduceArgs {
  const float *dy, *x, *y;
  float* dz;                         // masked dy, written when not null
  const float *mean, *scale, *beta;  // c; the last two may be null
  float lo, hi;
  double *sum_dz, *sum_dz_x;  // c, added to: sum dz and sum dz*(x - mean)
};
// dx = scale * (dz - m1 - (x - mean) * m2); x null leaves the terms with m1, m2 out.
struct NormGradArgs {
  const float *dy, *x, *y;
  float *dx, *dz;                              // each nullable
  const float *mean, *scale, *m1, *m2, *beta;  // c; beta may be null
  float lo, hi;
};

struct MaxPoolArgs {
  const float* x;
  float* y;
  std::int32_t* indices;  // null when not wanted
  std::int64_t c, h, w, p, q;
  int kernel_h, kernel_w, stride_h, stride_w, pad_top, pad_left;
};
struct MaxPoolGradArgs {
  const float* dy;
  const std::int32_t* indices;
  float* dx;
  std::int64_t c, h, w, p, q;
  int kernel_h, kernel_w, stride_h, stride_w, pad_top, pad_left;
};

// One row of products (kernels/api/distance.h, scan_products).
struct ScanArgs {
  const float *products, *item_strict, *item_loose;  // of the items
  std::int64_t count;
  float strict, loose, list;  // of the row's query
  // The row as an item of the columns' queries; before null: they are none.
  const float *column_strict, *column_loose, *column_list;
  float row_strict, row_loose;
  std::int32_t* column_before;  // added to
};

// A product of matrices. Row r of x begins at x + r*ldx, and so on. Transposed: x is depth x rows, w depth x columns.
struct ProductArgs {
  const float* x;  // rows x depth
  const float* w;  // panels of product_panel columns, each depth x panel (transposed: rows of ldw floats)
  float* y;        // rows x columns
  std::int64_t ldx, ldw, ldy;
  std::int64_t rows, depth, columns;  // columns: a multiple of product_panel
};

// y = clamp(x * w + bias, lo, hi). A row of x is `runs` runs of `depth` floats, run_stride apart; rows may
// overlap: the pixels under a filter are such a row.
struct ProductFusedArgs {
  const float* x;
  const float* w;     // panels of product_panel columns, each runs*depth x panel; zeros behind the last column
  const float* bias;  // columns or null
  float* y;           // rows x columns
  std::int64_t ldx, ldy, run_stride;
  int runs;
  std::int64_t rows, depth, columns;
  float lo, hi;
};

// Bytes of pixels to numbers: (x/255 - mean) / std. The arrays hold what belongs to red, green, blue in turns, in whole
// pixels and whole vectors.
struct NormalizeArgs {
  const float *mean, *std, *inverse;  // 3*lanes each; inverse: 1/std
  bool by_products;                   // divides by products with reciprocals and a correction
};

// Products of rows of 16-bit numbers, two in each int32, with one panel (kernels/api/distance.h, quantized_products);
// or of bytes, four in each int32, x without sign. y = clamp(products + bias + residual, lo, hi).
struct QuantizedArgs {
  const std::int32_t* x;  // rows x depth
  const std::int32_t* w;  // depth x quantized_panel
  float* y;               // row r begins at y + r*ldy
  const float *x_scale, *w_scale;
  std::int64_t ldy;
  std::int64_t rows, depth, columns;  // columns: those of the panel that exist, the others are not written
  // Bytes: a row's number that stands for 0, and the sums of w's columns.
  const std::int32_t *x_zero = nullptr, *w_sum = nullptr;
  const float* bias = nullptr;      // columns or null
  const float* residual = nullptr;  // like y or null
  float lo = -__builtin_inff(), hi = __builtin_inff();
};

// Winograd's transforms of one tile, m = 4 or 2; side = m + 2. Position i of `to`, `from` and `positions` begins at
// i*position_stride. Channels: multiples of the lanes.
struct WinogradInputArgs {
  int m;
  const float* const* pixels;  // side^2 of the input, or m^2 of the output's gradient; each c floats
  float* to;                   // side^2 positions of c floats
  std::int64_t position_stride, c;
};
// y = clamp(A^T M A + bias + residual, lo, hi).
struct WinogradOutputArgs {
  int m;
  const float* from;  // side^2 positions of k floats
  std::int64_t position_stride, k;
  const float* bias;             // k or null
  const float* const* residual;  // m^2 pixels of k floats, or null
  float* const* pixels;          // m^2, written
  float lo, hi;
  std::int64_t* left;  // first channels of the vectors that are not finite and so were not written: at most k/lanes
};
// n weights at each of nine taps, and at side^2 positions.
struct WinogradWeightArgs {
  int m;
  const float* const* taps;
  float* positions;
  std::int64_t position_stride, n;
};
struct WinogradGradWeightArgs {
  int m;
  const float* positions;
  std::int64_t position_stride, n;
  float* const* taps;
};

struct SimdTable {
  const char* isa;
  int lanes;

  // Output rows [begin, end) of the N*P (grad input: N*H) rows; grad weight: dy rows.
  void (*depthwise_forward)(const DepthwiseArgs&, std::int64_t begin, std::int64_t end);
  void (*depthwise_grad_input)(const DepthwiseGradInputArgs&, std::int64_t begin, std::int64_t end);
  void (*depthwise_grad_weight)(const DepthwiseGradWeightArgs&, std::int64_t begin, std::int64_t end);

  // Column sums over rows, added to doubles. scratch: c (sums), 2c (moments, reduce) floats.
  void (*column_sums)(const float* x, std::int64_t rows, std::int64_t c, double* sums, float* scratch);
  // Sums of (x - shift) and its square.
  void (*column_moments)(const float* x, const float* shift, std::int64_t rows, std::int64_t c, double* sum1,
                         double* sum2, float* scratch);
  // The same of rows that lie in the first-level cache.
  void (*column_moments_near)(const float* x, const float* shift, std::int64_t rows, std::int64_t c, double* sum1,
                              double* sum2);
  void (*column_extreme)(bool maximum, const float* x, std::int64_t rows, std::int64_t c,
                         float* result);  // combines into
  void (*norm_apply)(const NormApplyArgs&, std::int64_t begin, std::int64_t end, std::int64_t c);
  void (*norm_reduce)(const NormReduceArgs&, std::int64_t begin, std::int64_t end, std::int64_t c, float* scratch);
  void (*norm_grad)(const NormGradArgs&, std::int64_t begin, std::int64_t end, std::int64_t c);
  Bf16Loops bf16;

  void (*max_pool)(const MaxPoolArgs&, std::int64_t begin, std::int64_t end);
  void (*max_pool_grad)(const MaxPoolGradArgs&, std::int64_t begin, std::int64_t end);

  // op is a UnaryOp / BinaryOp as a number. Strides of binary inputs are 0 (one value for all) or 1.
  void (*unary)(int op, const float* x, float* y, std::int64_t n, float a, float b);
  void (*unary_grad)(int op, const float* dy, const float* x, const float* y, float* dx, std::int64_t n, float a,
                     float b);
  void (*binary)(int op, const float* a, int stride_a, const float* b, int stride_b, float* y, std::int64_t n);
  void (*fill)(float* y, float value, std::int64_t n);
  void (*u8_to_float)(const std::uint8_t* x, float* y, std::int64_t n);
  void (*bf16_to_float)(const std::uint16_t* x, float* y, std::int64_t n);
  void (*float_to_bf16)(const float* x, std::uint16_t* y, std::int64_t n);
  void (*double_to_float)(const double* x, float* y, std::int64_t n);
  void (*float_to_double)(const float* x, double* y, std::int64_t n);

  // n: whole pixels.
  void (*normalize)(const std::uint8_t* x, float* y, std::int64_t n, const NormalizeArgs&);

  double (*sum)(const float* x, std::int64_t n);
  double (*sum_of_squares)(const float* x, std::int64_t n);
  float (*extreme)(bool maximum, const float* x, std::int64_t n);

  // Rows of a matrix with c columns.
  void (*softmax)(const float* x, float* y, std::int64_t rows, std::int64_t c);
  void (*softmax_grad)(const float* dy, const float* y, float* dx, std::int64_t rows, std::int64_t c);
  void (*log_softmax)(const float* x, float* y, std::int64_t rows, std::int64_t c);
  void (*log_softmax_grad)(const float* dy, const float* y, float* dx, std::int64_t rows, std::int64_t c);
  void (*log_sum_exp)(const float* x, float* y, std::int64_t rows, std::int64_t c);
  void (*log_sum_exp_grad)(const float* dy, const float* x, const float* y, float* dx, std::int64_t rows,
                           std::int64_t c);
  void (*l2_normalize)(const float* x, float* y, float* norm, std::int64_t rows, std::int64_t c, double eps);
  void (*l2_normalize_grad)(const float* dy, const float* y, const float* norm, float* dx, std::int64_t rows,
                            std::int64_t c, double eps);

  // Squared distances of four rows of a from four of b, rows of `ld` doubles (a
  // multiple of 8, zero-padded): out[4*i + j].
  void (*distance_4x4)(const double* a, const double* b, std::int64_t ld, double* out);
  // da = sum_j g[j] * (a - b_j) over rows b_j of c floats.
  void (*weighted_differences)(const float* g, const float* a, const float* b, float* da, std::int64_t rows,
                               std::int64_t c);

  // How many items are certain; a mark for each chunk of 64.
  std::int64_t (*scan_row)(const ScanArgs&, std::uint8_t* marks);

  // y = x * w. Sums run over the depth in order, whatever the rows.
  int product_rows, product_panel;
  void (*product)(const ProductArgs&);
  void (*product_fused)(const ProductFusedArgs&);
  // y = x^T * w, or added to y.
  void (*product_transposed)(const ProductArgs&, bool add);

  int quantized_rows, quantized_panel;
  void (*quantized_product)(const QuantizedArgs&);
  // `runs` runs of c floats, one behind the other, as 16-bit numbers whose sum of squares is about 32000^2; what a unit
  // of them is worth. 0 where all are (nearly) zero, NaN where one is not finite. c: a multiple of 16. The numbers may
  // be written over the first run.
  float (*quantize)(const float* const* from, std::int64_t runs, std::int64_t c, std::int16_t* to);
  // The same of bytes: of 0 to 255 if none is negative, else from -127 to 127 with 128 added (`zero`). Null, both,
  // where the processor does not multiply them (AVX-512 VNNI).
  void (*quantized8_product)(const QuantizedArgs&);
  float (*quantize8)(const float* const* from, std::int64_t runs, std::int64_t c, std::uint8_t* to, std::int32_t* zero);

  void (*winograd_input)(const WinogradInputArgs&);
  void (*winograd_grad_output)(const WinogradInputArgs&);
  std::int64_t (*winograd_output)(const WinogradOutputArgs&);   // how many vectors were left
  void (*winograd_weight)(const WinogradWeightArgs&);           // taps to positions
  bool (*winograd_grad_weight)(const WinogradGradWeightArgs&);  // positions to taps; whether all are finite

  void (*sgd_step)(float* w, const float* grad, float* velocity, std::int64_t n, const SgdRule&);
  void (*adam_step)(float* w, const float* grad, float* m, float* v, std::int64_t n, const AdamRule&);
};

}  // namespace fledge::cpu
