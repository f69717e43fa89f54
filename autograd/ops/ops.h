// All differentiable operations on Variables, by family. Same names as in tensor/ops, one file per family.
#pragma once
#include "autograd/ops/conv.h"
#include "autograd/ops/device.h"
#include "autograd/ops/distance.h"
#include "autograd/ops/eltwise.h"
#include "autograd/ops/gather.h"
#include "autograd/ops/gemm.h"
#include "autograd/ops/norm.h"
#include "autograd/ops/pool.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape.h"
#include "autograd/ops/with_gradient.h"
