// How the emulator runs kernels: threads and blocks, barriers, warp functions, and what it makes of divergence.
#include <cuda_bf16.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "device.h"

using namespace fledge::test;
using Catch::Contains;

namespace {

__global__ void number_threads(unsigned* to) {
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  to[block * (blockDim.x * blockDim.y * blockDim.z) + thread] = block * 1000 + thread;
}

/// Each element of a block gets the sum of the block's, through a tree in shared memory.
__global__ void block_sums(const float* x, float* y) {
  __shared__ float shared[1024];
  const unsigned n = blockDim.x, t = threadIdx.x;
  shared[t] = x[blockIdx.x * n + t];
  for (unsigned half = n / 2; half > 0; half /= 2) {
    __syncthreads();
    if (t < half) shared[t] += shared[t + half];
  }
  __syncthreads();
  y[blockIdx.x * n + t] = shared[0];
}

template <class T>
__global__ void shuffles(const T* x, T* y) {
  const int lane = static_cast<int>(threadIdx.x) % warpSize;
  const T v = x[threadIdx.x];
  T* to = y + threadIdx.x * 6;
  to[0] = __shfl_xor_sync(0xffffffffu, v, 5);
  to[1] = __shfl_down_sync(0xffffffffu, v, 3);
  to[2] = __shfl_up_sync(0xffffffffu, v, 3);
  to[3] = __shfl_sync(0xffffffffu, v, 7);
  to[4] = __shfl_sync(0xffffffffu, v, lane + 1, 8);
  to[5] = __shfl_down_sync(0xffffffffu, v, 1, 4);
}

template <class T>
void check_shuffles(T scale) {
  std::vector<T> x(96);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<T>(i) * scale;
  const Buffer<T> from(x), to(96 * 6);
  run(&shuffles<T>, 1, 96, from.data, to.data);
  const std::vector<T> y = to.values();
  for (int t = 0; t < 96; ++t) {
    const int warp = t / 32 * 32, lane = t % 32, group = lane / 8 * 8;
    const int expected[] = {lane ^ 5, lane + 3 < 32 ? lane + 3 : lane, lane >= 3 ? lane - 3 : lane,
                            7,        group + (lane + 1) % 8,          lane % 4 < 3 ? lane + 1 : lane};
    for (int i = 0; i < 6; ++i)
      CHECK(y[static_cast<std::size_t>(t * 6 + i)] == x[static_cast<std::size_t>(warp + expected[i])]);
  }
}

__global__ void votes(unsigned* y) {
  const int t = static_cast<int>(threadIdx.x);
  const unsigned odd = __ballot_sync(0xffffffffu, t & 1);
  const int any = __any_sync(0xffffffffu, t == 40), all = __all_sync(0xffffffffu, t < 40);
  __syncwarp();
  // Halves of a warp may go separate ways, each with its own mask.
  const unsigned half = t % 32 < 16 ? 0x0000ffffu : 0xffff0000u;
  const unsigned of_half = __ballot_sync(half, 1);
  y[t] = (odd == 0xaaaaaaaau) + 2u * (any != 0) + 4u * (all != 0) + 8u * (of_half == half);
}

__global__ void add_up(int* total, double* sum) {
  atomicAdd(total, 1);
  atomicAdd(sum, 0.5);
}

__global__ void some_leave() {
  if (threadIdx.x < 3) return;
  __syncthreads();
}
__global__ void two_barriers() {
  if (threadIdx.x < 32)
    __syncthreads();
  else
    __syncthreads();
}
__global__ void half_a_shuffle(int* y) {
  if (threadIdx.x < 16) y[threadIdx.x] = __shfl_xor_sync(0xffffffffu, 1, 1);
}
__global__ void shuffle_from_outside(int* y) {
  if (threadIdx.x < 16) y[threadIdx.x] = __shfl_xor_sync(0x0000ffffu, 1, 16);
}
__global__ void recurse(int* y) {
  volatile char big[1 << 12];
  big[0] = static_cast<char>(*y);
  void (*volatile again)(int*) = &recurse;
  again(y);
  *y = big[0];
}

/// Wrong without a barrier after the store, in whichever order the threads run.
template <bool BARRIER>
__global__ void neighbors(int* y) {
  __shared__ int shared[64];
  const unsigned t = threadIdx.x;
  shared[t] = 0;
  __syncthreads();
  shared[t] = 1;
  if (BARRIER) __syncthreads();
  y[t] = shared[(t + 1) % 64];
}

}  // namespace

TEST_CASE("every thread of every block runs once and knows where it is", "[emulator]") {
  const dim3 grid{3, 2, 2}, block{5, 3, 2};
  const Buffer<unsigned> to(12 * 30);
  run(&number_threads, grid, block, to.data);
  const std::vector<unsigned> y = to.values();
  for (unsigned i = 0; i < y.size(); ++i) CHECK(y[i] == i / 30 * 1000 + i % 30);
}

TEST_CASE("barriers: a block's threads see what the others wrote", "[emulator]") {
  std::vector<float> x(5 * 1024);
  std::iota(x.begin(), x.end(), 0.0f);
  for (unsigned n : {1u, 2u, 32u, 256u, 1024u}) {
    const Buffer<float> from(x), to(x.size());
    run(&block_sums, 5, n, from.data, to.data);
    const std::vector<float> y = to.values();
    for (unsigned i = 0; i < 5 * n; ++i) {
      float sum = 0;
      for (unsigned j = 0; j < n; ++j) sum += x[i / n * n + j];
      REQUIRE(y[i] == Approx(sum));
    }
  }
}

TEST_CASE("warp functions of every type", "[emulator]") {
  check_shuffles<int>(3);
  check_shuffles<unsigned>(0x01000001u);
  check_shuffles<float>(0.1f);
  check_shuffles<double>(0.1);
  check_shuffles<std::int64_t>(0x100000001);
  check_shuffles<std::uint64_t>(0x8000000100000001u);
  const Buffer<unsigned> to(64);
  run(&votes, 1, 64, to.data);
  const std::vector<unsigned> y = to.values();
  for (unsigned t = 0; t < 64; ++t) CHECK(y[t] == 1 + 8 + (t < 32 ? 4u : 2u));
}

TEST_CASE("atomics add up over threads and blocks", "[emulator]") {
  const Buffer<int> total(std::vector<int>{0});
  const Buffer<double> sum(std::vector<double>{0});
  run(&add_up, {7, 3, 1}, 100, total.data, sum.data);
  CHECK(total.values()[0] == 2100);
  CHECK(sum.values()[0] == 1050);
}

TEST_CASE("a missing barrier shows", "[emulator]") {
  const Buffer<int> y(64);
  int wrong = 0;
  for (int launch = 0; launch < 4; ++launch) {
    run(&neighbors<true>, 1, 64, y.data);
    CHECK(y.values() == std::vector<int>(64, 1));
    run(&neighbors<false>, 1, 64, y.data);
    wrong += y.values() != std::vector<int>(64, 1);
  }
  CHECK(wrong > 0);
}

TEST_CASE("divergence ends the process with a message", "[emulator]") {
  const Buffer<int> y(64);
  const std::string left = last_words([] { run(&some_leave, 2, 64); });
  CHECK_THAT(left, Contains("divergence: of 64 threads 61 wait at a barrier, 0 in a warp function, and 3 have ended"));
  CHECK_THAT(left, Contains("kernel some_leave() block [0,0,0] of [2,1,1]") && Contains("kernels_test.cpp:"));
  CHECK_THAT(last_words([] { run(&two_barriers, 1, 64); }), Contains("wait at different barriers"));
  CHECK_THAT(last_words([&] { run(&half_a_shuffle, 1, 32, y.data); }), Contains("16 in a warp function"));
  CHECK_THAT(last_words([&] { run(&half_a_shuffle, 1, 16, y.data); }), Contains("16 in a warp function"));
  CHECK_THAT(last_words([&] { run(&shuffle_from_outside, 1, 32, y.data); }), Contains("which is not in its mask"));
}

TEST_CASE("a stack that is too small is named", "[emulator]") {
  const Buffer<int> y(std::vector<int>{1});
  CHECK_THAT(last_words([&] { run(&recurse, 1, 1, y.data); }), Contains("bytes of stack") && Contains("recurse"));
}

TEST_CASE("launches that the device refuses", "[emulator]") {
  const Buffer<unsigned> to(1);
  CHECK(launch_in(nullptr, &number_threads, 1, 1025, to.data) == cudaErrorInvalidConfiguration);
  CHECK(launch_in(nullptr, &number_threads, 1, {1, 1, 65}, to.data) == cudaErrorInvalidConfiguration);
  CHECK(launch_in(nullptr, &number_threads, {1, 65536, 1}, 1, to.data) == cudaErrorInvalidConfiguration);
  CHECK(launch_in(nullptr, &number_threads, 0, 1, to.data) == cudaErrorInvalidConfiguration);
  CHECK(cudaGetLastError() == cudaErrorInvalidConfiguration);
  CHECK(cudaGetLastError() == cudaSuccess);
}

TEST_CASE("bfloat16 rounds to nearest even and keeps NaN", "[emulator]") {
  const auto rounded = [](float v) { return __bfloat162float(__float2bfloat16_rn(v)); };
  CHECK(rounded(1 + 0x1p-8f) == 1);
  CHECK(rounded(1 + 0x1p-8f + 0x1p-20f) == 1 + 0x1p-7f);
  CHECK(rounded(1 + 3 * 0x1p-8f) == 1 + 2 * 0x1p-7f);
  CHECK(std::isnan(rounded(std::numeric_limits<float>::quiet_NaN())));
  CHECK(std::isinf(rounded(3.4e38f)));
}
