#include "tensor/ops/distance.h"

#include "tensor/ops/call/check.h"
#include "tensor/ops/call/dispatch.h"
#include "tensor/ops/call/layout.h"

namespace fledge {

namespace {

// Both sides are one matrix: the same elements in memory, not merely equal values.
bool is_self(const Tensor& a, const Tensor& b) {
  return a.shares_storage_with(b) && a.raw() == b.raw() && a.dims() == b.dims() && a.strides() == b.strides();
}

void check_sides(const char* op, const Tensor& a, const Tensor& b) {
  check::rank(op, {a, "left points"}, 2);
  check::rank(op, {b, "right points"}, 2);
  check::same_kind(op, {a, "left points"}, {b, "right points"});
  if (a.dim(1) != b.dim(1)) [[unlikely]] {
    check::fail(op, "points must have the same number of coordinates: left " + describe(a) + ", right " + describe(b));
  }
}

// A zero diagonal makes sense within one matrix only.
PairwiseDistanceParams adjusted(PairwiseDistanceParams params, bool self) {
  params.zero_diagonal = params.zero_diagonal && self;
  return params;
}

}  // namespace

L2NormalizeResult l2_normalize(const Tensor& x, double eps) {
  constexpr const char* op = "l2_normalize";
  check::rank(op, {x, "input"}, 2);
  const auto forward = kernel<&KernelTable::distance, &DistanceKernels::l2_normalize>(op, x);
  L2NormalizeResult result{Tensor::empty(x.dims(), x.dtype(), Layout::Contiguous, x.device()),
                           Tensor::empty({x.dim(0)}, x.dtype(), Layout::Contiguous, x.device())};
  if (x.dim(0) > 0) forward(context(), ContiguousArg(op, "input", x), result.y.view(), result.norm.view(), eps);
  return result;
}

Tensor l2_normalize_backward(const Tensor& dy, const L2NormalizeResult& forward, double eps) {
  constexpr const char* op = "l2_normalize_backward";
  check::rank(op, {forward.y, "output"}, 2);
  check::fits(op, {forward.y, "output"}, {dy, "output gradient"}, forward.y.dims(), "the output's sizes");
  check::fits(op, {forward.y, "output"}, {forward.norm, "norm"}, {forward.y.dim(0)}, "one per row");
  const auto backward = kernel<&KernelTable::distance, &DistanceKernels::l2_normalize_backward>(op, dy);
  Tensor dx = Tensor::empty(dy.dims(), dy.dtype(), Layout::Contiguous, dy.device());
  if (dx.numel() == 0) return dx;
  backward(context(), ContiguousArg(op, "output gradient", dy), ContiguousArg(op, "output", forward.y),
           ContiguousArg(op, "norm", forward.norm), dx.view(), eps);
  return dx;
}

Tensor pairwise_distance(const Tensor& a, const Tensor& b, const PairwiseDistanceParams& params) {
  constexpr const char* op = "pairwise_distance";
  check_sides(op, a, b);
  const auto forward = kernel<&KernelTable::distance, &DistanceKernels::pairwise_distance>(op, a);
  Tensor d = Tensor::empty({a.dim(0), b.dim(0)}, a.dtype(), Layout::Contiguous, a.device());
  if (d.numel() == 0) return d;
  const bool self = is_self(a, b);
  const ContiguousArg left(op, "left points", a), right(op, "right points", self ? left.tensor() : b);
  forward(context(), left, right, d.view(), adjusted(params, self));
  return d;
}

PairwiseDistanceGradients pairwise_distance_backward(const Tensor& dd, const Tensor& a, const Tensor& b,
                                                     const Tensor& d, bool need_a, bool need_b,
                                                     const PairwiseDistanceParams& params) {
  constexpr const char* op = "pairwise_distance_backward";
  check_sides(op, a, b);
  const Dims d_dims{a.dim(0), b.dim(0)};
  check::fits(op, {a, "left points"}, {dd, "distance gradient"}, d_dims, "left rows x right rows");
  check::fits(op, {a, "left points"}, {d, "distances"}, d_dims, "left rows x right rows");
  const auto backward = kernel<&KernelTable::distance, &DistanceKernels::pairwise_distance_backward>(op, a);
  const bool self = is_self(a, b);
  if (self) need_a = need_a || need_b, need_b = false;
  PairwiseDistanceGradients grads;
  if (need_a) grads.da = Tensor::empty(a.dims(), a.dtype(), Layout::Contiguous, a.device());
  if (need_b) grads.db = Tensor::empty(b.dims(), b.dtype(), Layout::Contiguous, b.device());
  if (d.numel() == 0 || a.dim(1) == 0) {
    if (need_a) grads.da.fill(0);
    if (need_b) grads.db.fill(0);
    return grads;
  }
  if (!need_a && !need_b) return grads;
  TensorView da, db;
  if (need_a) da = grads.da.view();
  if (need_b) db = grads.db.view();
  const ContiguousArg left(op, "left points", a), right(op, "right points", self ? left.tensor() : b);
  backward(context(), ContiguousArg(op, "distance gradient", dd), left, right, ContiguousArg(op, "distances", d),
           need_a ? &da : nullptr, need_b ? &db : nullptr, self, adjusted(params, self));
  return grads;
}

PairMaskPair pair_masks(const Tensor& labels, const Tensor& reference, std::int64_t first_own) {
  constexpr const char* op = "pair_masks";
  check::rank(op, {labels, "labels"}, 1);
  check::rank(op, {reference, "reference labels"}, 1);
  check::dtype(op, {labels, "labels"}, DType::Int64);
  check::same_kind(op, {labels, "labels"}, {reference, "reference labels"});
  const Dims dims{labels.dim(0), reference.dim(0)};
  const auto mask = [&] { return Tensor::empty(dims, DType::UInt8, Layout::Contiguous, labels.device()); };
  PairMaskPair result{mask(), mask()};
  if (dims.numel() > 0)
    backend_of(labels.device())
        .f32.distance.pair_masks(context(), ContiguousArg(op, "labels", labels),
                                 ContiguousArg(op, "reference labels", reference), first_own, result.positive.view(),
                                 result.negative.view());
  return result;
}

TripletResult all_triplets(const Tensor& d, const Tensor& positive, const Tensor& negative,
                           const TripletParams& params) {
  constexpr const char* op = "all_triplets";
  check::rank(op, {d, "distances"}, 2);
  for (const check::Arg& mask : {check::Arg{positive, "positive mask"}, check::Arg{negative, "negative mask"}}) {
    check::rank(op, mask, 2);
    check::dtype(op, mask, DType::UInt8);
    check::same_device(op, {d, "distances"}, mask);
    check::same_dims(op, {d, "distances"}, mask);
  }
  const auto forward = kernel<&KernelTable::distance, &DistanceKernels::all_triplets>(op, d);
  TripletResult result{Tensor::empty({}, d.dtype(), Layout::Contiguous, d.device()),
                       Tensor::empty({3}, DType::Float64, Layout::Contiguous, d.device()),
                       Tensor::empty(d.dims(), d.dtype(), Layout::Contiguous, d.device())};
  if (d.numel() == 0) {
    result.value.fill(0);
    result.counts.fill(0);
    return result;
  }
  forward(context(), ContiguousArg(op, "distances", d), ContiguousArg(op, "positive mask", positive),
          ContiguousArg(op, "negative mask", negative), params, result.value.view(), result.counts.view(),
          result.gradient.view());
  return result;
}

Tensor quantized_products(const Tensor& a, const Tensor& a_scale, const Tensor& b, const Tensor& b_scale) {
  constexpr const char* op = "quantized_products";
  for (const check::Arg& rows : {check::Arg{a, "left rows"}, check::Arg{b, "right rows"}}) {
    check::rank(op, rows, 2);
    check::dtype(op, rows, DType::Int32);
    check::same_device(op, {a, "left rows"}, rows);
  }
  if (a.dim(1) != b.dim(1)) [[unlikely]]
    check::fail(op, "rows must have the same number of elements: left " + describe(a) + ", right " + describe(b));
  check::fits(op, {a_scale, "left scales"}, {a_scale, "left scales"}, {a.dim(0)}, "one per row");
  check::fits(op, {a_scale, "left scales"}, {b_scale, "right scales"}, {b.dim(0)}, "one per row");
  check::same_device(op, {a, "left rows"}, {a_scale, "left scales"});
  const auto multiply = kernel<&KernelTable::distance, &DistanceKernels::quantized_products>(op, a_scale);
  Tensor products = Tensor::empty({a.dim(0), b.dim(0)}, a_scale.dtype(), Layout::Contiguous, a.device());
  if (products.numel() == 0) return products;
  multiply(context(), ContiguousArg(op, "left rows", a), ContiguousArg(op, "left scales", a_scale),
           ContiguousArg(op, "right rows", b), ContiguousArg(op, "right scales", b_scale), products.view());
  return products;
}

ScanResult scan_products(const Tensor& products, const Tensor& queries, const Tensor& items,
                         const Tensor& column_queries, const Tensor& row_items) {
  constexpr const char* op = "scan_products";
  check::rank(op, {products, "products"}, 2);
  const std::int64_t rows = products.dim(0), width = products.dim(1);
  const bool both = column_queries.defined();
  const check::Arg of{products, "products"};
  check::fits(op, of, {queries, "limits of queries"}, {3, rows}, "strict, loose and list of each row");
  check::fits(op, of, {items, "limits of items"}, {2, width}, "strict and loose of each column");
  if (both) {
    check::fits(op, of, {column_queries, "limits of column queries"}, {3, width},
                "strict, loose and list of each column");
    check::fits(op, of, {row_items, "limits of row items"}, {2, rows}, "strict and loose of each row");
  }
  const auto scan = kernel<&KernelTable::distance, &DistanceKernels::scan_products>(op, products);
  const auto empty = [&](const Dims& dims, DType dtype) {
    return Tensor::empty(dims, dtype, Layout::Contiguous, products.device());
  };
  ScanResult result{empty({rows}, DType::Int32), empty({rows, (width + kScanChunk - 1) / kScanChunk}, DType::UInt8),
                    both ? empty({width}, DType::Int32) : Tensor()};
  if (products.numel() == 0) {
    for (const Tensor& t : {result.before, result.column_before})
      if (t.defined()) t.fill(0);
    return result;
  }
  const ContiguousArg p(op, "products", products);
  ScanColumns columns;
  if (both) columns = {column_queries.view(), row_items.view(), result.column_before.view()};
  scan(context(), p, queries.view(), items.view(), result.before.view(), result.marks.view(),
       both ? &columns : nullptr);
  return result;
}

}  // namespace fledge
