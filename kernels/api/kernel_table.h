// KernelTable: what a backend can compute in one dtype. A null entry means "not supported".
#pragma once
#include "kernels/api/conv.h"
#include "kernels/api/distance.h"
#include "kernels/api/eltwise.h"
#include "kernels/api/gather.h"
#include "kernels/api/gemm.h"
#include "kernels/api/image.h"
#include "kernels/api/norm.h"
#include "kernels/api/optim.h"
#include "kernels/api/pool.h"
#include "kernels/api/reduce.h"

namespace fledge {

struct KernelTable {
  ConvKernels conv;
  NormKernels norm;
  PoolKernels pool;
  EltwiseKernels eltwise;
  ReduceKernels reduce;
  GemmKernels gemm;
  GatherKernels gather;
  DistanceKernels distance;
  OptimKernels optim;
  ImageKernels image;
};

}  // namespace fledge
