// Tensors on a GPU: moving, streams, recorded work, memory. Skipped where there is none (the emulated module is one).
#include <catch2/catch.hpp>
#include <cmath>

#include "kernels/api/backend.h"
#include "tensor/creation.h"
#include "tensor/ops/eltwise.h"
#include "tensor/ops/gather.h"
#include "tensor/ops/reduce.h"
#include "tensor/random.h"
#include "tensor/stream.h"

using namespace fledge;

namespace {

const Device kGpu{Device::Type::GPU, 0};

bool have_gpu() {
  if (gpu_module().backend) return true;
  static const bool said = [] {
    WARN("tensors on a GPU: skipped, " << gpu_module().missing);
    return true;
  }();
  return !said;
}

Tensor numbers(const Dims& dims, Layout layout = Layout::Contiguous) {
  Generator g(3);
  return rand_uniform(dims, g, -8, 8, DType::Float32, layout);
}

}  // namespace

TEST_CASE("a tensor goes to the GPU and comes back", "[device]") {
  if (!have_gpu()) return;
  const Tensor picture = numbers({2, 5, 3, 4}, Layout::ChannelsLast);
  const Tensor there = picture.to(kGpu);
  CHECK(there.device() == kGpu);
  CHECK(there.is_channels_last());
  CHECK(there.to(kGpu).shares_storage_with(there));
  CHECK(there.to_vector<float>() == picture.to_vector<float>());
  CHECK(there.to(Device{}).to_vector<float>() == picture.to_vector<float>());
  const Tensor part = picture.slice(1, 1, 2).to(kGpu);  // not dense: its elements are gathered first
  CHECK(part.to_vector<float>() == picture.slice(1, 1, 2).to_vector<float>());
  for (DType dtype : {DType::Float64, DType::BFloat16, DType::Int32, DType::Int64, DType::UInt8}) {
    INFO(name_of(dtype));
    const Tensor whole = affine(picture, 1, 9).to(dtype);
    CHECK(whole.to(kGpu).to_vector<double>() == whole.to_vector<double>());
    CHECK(affine(picture, 1, 9).to(kGpu).to(dtype).to_vector<double>() == whole.to_vector<double>());
  }
  CHECK(Tensor::empty({0, 3}, DType::Float32, Layout::Contiguous, kGpu).to(Device{}).numel() == 0);
  CHECK(scalar(2.5, DType::Float32, kGpu).item() == 2.5);
}

TEST_CASE("copy_from takes values from any device", "[device]") {
  if (!have_gpu()) return;
  const Tensor source = numbers({4, 6}), there = zeros({4, 6}, DType::Float32, Layout::Contiguous, kGpu);
  there.copy_from(source);
  CHECK(there.to_vector<float>() == source.to_vector<float>());
  const Tensor back = zeros({4, 6});
  back.copy_from(there);
  CHECK(back.to_vector<float>() == source.to_vector<float>());
  CHECK_THROWS_AS(add(source, there), Error);  // ops do not move their arguments
}

TEST_CASE("an index out of range reads NaN on a GPU and writes nothing", "[device]") {
  if (!have_gpu()) return;
  const Tensor x = numbers({3, 4}).to(kGpu);
  const Tensor good = from_vector<std::int64_t>({1, 3, 0}, {3}), bad = from_vector<std::int64_t>({1, 4, -1}, {3});
  CHECK_THROWS_AS(take_along_row(x.to(Device{}), bad), Error);
  const auto taken = take_along_row(x, bad.to(kGpu)).to_vector<float>();
  CHECK(taken[0] == x.to_vector<float>()[1]);
  CHECK((std::isnan(taken[1]) && std::isnan(taken[2])));
  CHECK(take_along_row(x, good.to(kGpu)).to_vector<float>() == take_along_row(x.to(Device{}), good).to_vector<float>());
  for (const std::int64_t columns : {4, 3}) {
    const Tensor rows = numbers({3, columns}).to(kGpu), picks = from_vector<std::int64_t>({2, 3, -7}, {3}).to(kGpu);
    const auto selected = index_select(rows, picks).to_vector<float>();
    CHECK(selected[0] == rows.to_vector<float>()[static_cast<std::size_t>(2 * columns)]);
    for (std::size_t i = static_cast<std::size_t>(columns); i < selected.size(); ++i) CHECK(std::isnan(selected[i]));
    const auto back = index_select_backward(rows, picks, 3).to_vector<float>();
    for (std::size_t i = 0; i < back.size(); ++i)
      CHECK(back[i] == (i < static_cast<std::size_t>(2 * columns)
                            ? 0
                            : rows.to_vector<float>()[i - static_cast<std::size_t>(2 * columns)]));
  }
}

TEST_CASE("page-locked memory and copies that nobody waits for", "[device]") {
  if (!have_gpu()) return;
  const Tensor here = Tensor::empty_pinned({1000}, DType::Float32, kGpu);
  CHECK(here.device() == Device{});
  here.copy_from(numbers({1000}));
  const Tensor there = Tensor::empty({1000}, DType::Float32, Layout::Contiguous, kGpu);
  copy_async(there, here);
  const Tensor doubled = affine(there, 2, 0);  // later in the same stream
  const Tensor back = Tensor::empty_pinned({1000}, DType::Float32, kGpu);
  copy_async(back, doubled);
  synchronize(kGpu);
  CHECK(back.to_vector<float>() == affine(here, 2, 0).to_vector<float>());
  CHECK_THROWS_AS(copy_async(there, numbers({999})), Error);
  CHECK_THROWS_AS(copy_async(there, here.to(DType::Float64)), Error);
}

TEST_CASE("work in two streams, ordered by events", "[device]") {
  if (!have_gpu()) return;
  const Stream other(kGpu);
  Event made(kGpu), used(kGpu);
  const Tensor x = numbers({256, 256}).to(kGpu);
  const Tensor y = exp(affine(x, 0.1, 0));
  made.record();
  Tensor total;
  {
    const StreamGuard guard(other);
    made.wait();
    total = sum(y);
    used.record();
  }
  used.wait();
  const Tensor result = affine(total, 2, 1);
  CHECK(result.item() == Approx(2 * sum(exp(affine(x.to(Device{}), 0.1, 0))).item() + 1));
  CHECK(used.since(made) >= 0);
}

TEST_CASE("recorded work runs again on new values in the same places", "[device][record]") {
  if (!have_gpu()) return;
  const Tensor input = zeros({64}, DType::Float32, Layout::Contiguous, kGpu), count = zeros_like(input);
  Tensor result;
  const RecordedWork work(kGpu, [&] {
    const Tensor step = affine(input, 3, 1);  // memory of the recording
    result = mul(step, step);
    add_(count, ones({64}, DType::Float32, Layout::Contiguous, kGpu));
  });
  CHECK(count.to_vector<float>()[0] == 0);  // recording is not running
  for (int i = 1; i <= 3; ++i) {
    input.fill(i);
    work.replay();
    const Tensor elsewhere = full({64}, 99, DType::Float32, Layout::Contiguous, kGpu);  // does not get its memory
    CHECK(result.to_vector<float>() == std::vector<float>(64, static_cast<float>((3 * i + 1) * (3 * i + 1))));
    CHECK(count.to_vector<float>()[63] == static_cast<float>(i));
  }
}

TEST_CASE("two streams are recorded together", "[device][record]") {
  if (!have_gpu()) return;
  const Stream other(kGpu);
  Event forked(kGpu), joined(kGpu);
  const Tensor input = zeros({32}, DType::Float32, Layout::Contiguous, kGpu);
  Tensor result;
  const RecordedWork work(kGpu, [&] {
    const Tensor own = affine(input, 2, 0);
    forked.record();
    Tensor theirs;
    {
      const StreamGuard guard(other);
      forked.wait();
      theirs = affine(own, 1, 5);
      joined.record();
    }
    const Tensor mine = affine(own, 10, 0);
    joined.wait();
    result = add(mine, theirs);
  });
  input.fill(4);
  work.replay();
  CHECK(result.to_vector<float>() == std::vector<float>(32, 93));
}

TEST_CASE("what cannot be recorded is said, and work goes on", "[device][record]") {
  if (!have_gpu()) return;
  const Tensor x = ones({8}, DType::Float32, Layout::Contiguous, kGpu);
  try {
    const RecordedWork work(kGpu, [&] { sum(x).item(); });
    FAIL("a read by the host was recorded");
  } catch (const Error& e) {
    CHECK(std::string(e.what()).find("record") != std::string::npos);
  }
  CHECK(sum(affine(x, 2, 0)).item() == 16);
  CHECK_THROWS_AS(RecordedWork(Device{}, [] {}), Error);
}

TEST_CASE("memory: kept, counted, and its end named", "[device]") {
  if (!have_gpu()) return;
  const DeviceRuntime& runtime = *gpu_module().backend->runtime;
  const std::size_t before = runtime.memory().in_use;
  {
    const Tensor t = Tensor::empty({1 << 20}, DType::Float32, Layout::Contiguous, kGpu);
    CHECK(runtime.memory().in_use >= before + (std::size_t{4} << 20));
  }
  CHECK(runtime.memory().in_use == before);
  CHECK(runtime.memory().peak_in_use >= before + (std::size_t{4} << 20));
  runtime.reset_peak_memory();
  CHECK(runtime.memory().peak_in_use == before);
  try {
    Tensor::empty({1 << 20, 1 << 20}, DType::Float32, Layout::Contiguous, kGpu);
    FAIL("4 TiB were had");
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::Resource);
    const std::string text = e.what();
    for (const char* part : {"out of GPU memory", "4.00 TiB", "1048576x1048576 float32", "--batch-size"})
      CHECK(text.find(part) != std::string::npos);
  }
  CHECK(sum(ones({10}, DType::Float32, Layout::Contiguous, kGpu)).item() == 10);
}
