// Every entry of a KernelTable with its name: one list for whoever must visit all of them. An entry that is missing
// here does not compile.
#pragma once
#include <tuple>

#include "kernels/api/kernel_table.h"

namespace fledge {

/// What an entry's arithmetic and traffic are counted by (kernels/profile/kernel_call.h).
enum class Work : unsigned char {
  Memory,  // its bytes; no arithmetic worth counting
  ConvForward,
  ConvForwardMoments,
  SeparableConv,
  PixelsConv,
  ConvGradInput,
  ConvGradWeight,
  NormPointwise,
  NormPointwiseBackward,
  Matmul,
};

template <auto Family, auto Entry, Work W = Work::Memory>
struct KernelEntry {
  static constexpr Work work = W;
  const char* name;

  static auto& of(KernelTable& t) { return (t.*Family).*Entry; }
  static const auto& of(const KernelTable& t) { return (t.*Family).*Entry; }
};

inline constexpr std::tuple kKernelEntries{
    KernelEntry<&KernelTable::conv, &ConvKernels::forward, Work::ConvForward>{"conv2d"},
    KernelEntry<&KernelTable::conv, &ConvKernels::forward_moments, Work::ConvForwardMoments>{"conv2d_moments"},
    KernelEntry<&KernelTable::conv, &ConvKernels::grad_input, Work::ConvGradInput>{"conv2d_grad_input"},
    KernelEntry<&KernelTable::conv, &ConvKernels::grad_weight, Work::ConvGradWeight>{"conv2d_grad_weight"},
    KernelEntry<&KernelTable::conv, &ConvKernels::grad_bias>{"conv2d_grad_bias"},
    KernelEntry<&KernelTable::conv, &ConvKernels::forward_fused, Work::ConvForward>{"conv2d_fused"},
    KernelEntry<&KernelTable::conv, &ConvKernels::separable_fused, Work::SeparableConv>{"separable_conv2d_fused"},
    KernelEntry<&KernelTable::conv, &ConvKernels::pixels_fused, Work::PixelsConv>{"pixels_conv2d_fused"},
    KernelEntry<&KernelTable::norm, &NormKernels::batch_norm_train>{"batch_norm_train"},
    KernelEntry<&KernelTable::norm, &NormKernels::batch_norm_from_moments>{"batch_norm_from_moments"},
    KernelEntry<&KernelTable::norm, &NormKernels::batch_norm_eval>{"batch_norm_eval"},
    KernelEntry<&KernelTable::norm, &NormKernels::batch_norm_backward>{"batch_norm_backward"},
    KernelEntry<&KernelTable::norm, &NormKernels::batch_norm_pointwise, Work::NormPointwise>{"batch_norm_pointwise"},
    KernelEntry<&KernelTable::norm, &NormKernels::batch_norm_pointwise_backward, Work::NormPointwiseBackward>{
        "batch_norm_pointwise_backward"},
    KernelEntry<&KernelTable::pool, &PoolKernels::max_pool2d>{"max_pool2d"},
    KernelEntry<&KernelTable::pool, &PoolKernels::max_pool2d_backward>{"max_pool2d_backward"},
    KernelEntry<&KernelTable::pool, &PoolKernels::global_avg_pool>{"global_avg_pool"},
    KernelEntry<&KernelTable::pool, &PoolKernels::global_avg_pool_backward>{"global_avg_pool_backward"},
    KernelEntry<&KernelTable::eltwise, &EltwiseKernels::unary>{"unary"},
    KernelEntry<&KernelTable::eltwise, &EltwiseKernels::unary_backward>{"unary_backward"},
    KernelEntry<&KernelTable::eltwise, &EltwiseKernels::binary>{"binary"},
    KernelEntry<&KernelTable::eltwise, &EltwiseKernels::copy>{"copy"},
    KernelEntry<&KernelTable::eltwise, &EltwiseKernels::fill>{"fill"},
    KernelEntry<&KernelTable::reduce, &ReduceKernels::reduce>{"reduce"},
    KernelEntry<&KernelTable::reduce, &ReduceKernels::extreme_backward>{"extreme_backward"},
    KernelEntry<&KernelTable::reduce, &ReduceKernels::softmax>{"softmax"},
    KernelEntry<&KernelTable::reduce, &ReduceKernels::softmax_backward>{"softmax_backward"},
    KernelEntry<&KernelTable::reduce, &ReduceKernels::log_softmax>{"log_softmax"},
    KernelEntry<&KernelTable::reduce, &ReduceKernels::log_softmax_backward>{"log_softmax_backward"},
    KernelEntry<&KernelTable::reduce, &ReduceKernels::log_sum_exp>{"log_sum_exp"},
    KernelEntry<&KernelTable::reduce, &ReduceKernels::log_sum_exp_backward>{"log_sum_exp_backward"},
    KernelEntry<&KernelTable::reduce, &ReduceKernels::masked_row_extreme>{"masked_row_extreme"},
    KernelEntry<&KernelTable::reduce, &ReduceKernels::masked_row_extreme_backward>{"masked_row_extreme_backward"},
    KernelEntry<&KernelTable::reduce, &ReduceKernels::row_top_k>{"row_top_k"},
    KernelEntry<&KernelTable::gemm, &GemmKernels::matmul, Work::Matmul>{"matmul"},
    KernelEntry<&KernelTable::gather, &GatherKernels::take_along_row>{"take_along_row"},
    KernelEntry<&KernelTable::gather, &GatherKernels::take_along_row_backward>{"take_along_row_backward"},
    KernelEntry<&KernelTable::gather, &GatherKernels::index_select>{"index_select"},
    KernelEntry<&KernelTable::gather, &GatherKernels::index_select_backward>{"index_select_backward"},
    KernelEntry<&KernelTable::distance, &DistanceKernels::l2_normalize>{"l2_normalize"},
    KernelEntry<&KernelTable::distance, &DistanceKernels::l2_normalize_backward>{"l2_normalize_backward"},
    KernelEntry<&KernelTable::distance, &DistanceKernels::pairwise_distance>{"pairwise_distance"},
    KernelEntry<&KernelTable::distance, &DistanceKernels::pairwise_distance_backward>{"pairwise_distance_backward"},
    KernelEntry<&KernelTable::distance, &DistanceKernels::pair_masks>{"pair_masks"},
    KernelEntry<&KernelTable::distance, &DistanceKernels::all_triplets>{"all_triplets"},
    KernelEntry<&KernelTable::distance, &DistanceKernels::scan_products>{"scan_products"},
    KernelEntry<&KernelTable::distance, &DistanceKernels::quantized_products>{"quantized_products"},
    KernelEntry<&KernelTable::optim, &OptimKernels::grad_norm>{"grad_norm"},
    KernelEntry<&KernelTable::optim, &OptimKernels::sgd_step>{"sgd_step"},
    KernelEntry<&KernelTable::optim, &OptimKernels::adam_step>{"adam_step"},
    KernelEntry<&KernelTable::image, &ImageKernels::normalize>{"normalize_images"},
};
static_assert(std::tuple_size_v<decltype(kKernelEntries)> * sizeof(void (*)()) == sizeof(KernelTable),
              "a kernel is missing in this list, or there twice");

}  // namespace fledge
