#include "tensor/random.h"

#include <array>
#include <cmath>
#include <numbers>

#include "tensor/ops/call/check.h"
#include "tensor/ops/eltwise.h"
#include "tensor/philox.h"

namespace fledge {

namespace {

// SplitMix64's finaliser (Steele, Lea, Flood 2014): every input bit reaches every output bit.
std::uint64_t mixed(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

double unit(std::uint64_t u) { return static_cast<double>(u >> 11) * 0x1p-53; }

// Two independent normals from two words (Box & Muller 1958). 1 - u lies in (0, 1], where the logarithm is finite.
struct NormalPair {
  double first, second;
};
NormalPair normals(std::uint64_t a, std::uint64_t b) {
  const double radius = std::sqrt(-2 * std::log(1 - unit(a))), angle = 2 * std::numbers::pi * unit(b);
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

// The next two words; where they are one block, for the price of one.
std::array<std::uint64_t, 2> two_draws(Generator& g) {
  if (g.counter() & 1) {
    const std::uint64_t first = g.next_u64();
    return {first, g.next_u64()};
  }
  const auto words = philox_words(g.key(), g.counter() >> 1);
  g = Generator(g.key(), g.counter() + 2);
  return words;
}

// values[i] = map(uniform draw i), as g.uniform() would draw them.
template <class T, class Map>
void fill_values(T* values, std::int64_t n, Generator& g, Map map) {
  std::int64_t i = 0;
  for (; i + 1 < n; i += 2) {
    const auto [a, b] = two_draws(g);
    values[i] = static_cast<T>(map(unit(a)));
    values[i + 1] = static_cast<T>(map(unit(b)));
  }
  if (i < n) values[i] = static_cast<T>(map(g.uniform()));
}

// Both normals of each pair are used: half the work of calling normal() n times.
template <class T>
void fill_normal(T* values, std::int64_t n, Generator& g, double mean, double std) {
  for (std::int64_t i = 0; i < n; i += 2) {
    const auto [a, b] = two_draws(g);
    const NormalPair pair = normals(a, b);
    values[i] = static_cast<T>(mean + std * pair.first);
    if (i + 1 < n) values[i + 1] = static_cast<T>(mean + std * pair.second);
  }
}

// Row-major values first, then the layout: so that the layout does not decide which element gets which draw.
template <class Fill>
Tensor filled(const char* op, const Dims& dims, DType dtype, Layout layout, Fill fill) {
  Tensor t = Tensor::empty(dims, dtype);
  if (dtype == DType::Float32) {
    fill(t.data<float>(), t.numel());
  } else if (dtype == DType::Float64) {
    fill(t.data<double>(), t.numel());
  } else {
    check::fail(op, std::string("random values are float32 or float64, not ") + name_of(dtype),
                "convert them with to(dtype)");
  }
  return t.contiguous(layout);
}

}  // namespace

Generator Generator::of(std::initializer_list<std::uint64_t> parts) {
  std::uint64_t key = parts.size();
  for (std::uint64_t part : parts) key = mixed(key ^ mixed(part));
  return Generator(key);
}

std::uint64_t Generator::next_u64() {
  const std::uint64_t i = counter_++;  // each block of 128 bits is two draws
  return philox_words(key_, i >> 1)[i & 1];
}

double Generator::uniform() { return unit(next_u64()); }

double Generator::normal() {
  const std::uint64_t a = next_u64(), b = next_u64();
  return normals(a, b).first;
}

// Lemire 2019: the high word of u * n, refusing the few low words that would favour some results.
std::int64_t Generator::below(std::int64_t n) {
  std::int64_t value = 0;
  fill_below(n, &value, 1);
  return value;
}

void Generator::fill_below(std::int64_t n, std::int64_t* values, std::int64_t count) {
  if (n <= 0) check::fail("Generator::below", "the bound must be positive: " + std::to_string(n));
  const auto bound = static_cast<std::uint64_t>(n);
  const std::uint64_t refused = (0 - bound) % bound;
  std::int64_t filled = 0;
  const auto take = [&](std::uint64_t word) {
    const auto product = static_cast<unsigned __int128>(word) * bound;
    values[filled] = static_cast<std::int64_t>(product >> 64);
    filled += static_cast<std::uint64_t>(product) >= refused;
  };
  constexpr std::int64_t kWords = 2 * kPhiloxBlocks;
  for (; filled < count && (counter_ & 1);) take(next_u64());
  for (; filled + kWords <= count; counter_ += kWords) {
    std::uint64_t words[kWords];
    philox_words(key_, counter_ >> 1, words);
    for (const std::uint64_t word : words) take(word);
  }
  while (filled < count) take(next_u64());
}

void Generator::shuffle(std::vector<std::int64_t>& values) {
  for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[below(static_cast<std::int64_t>(i))]);
}

Tensor rand_uniform(const Dims& dims, Generator& g, double low, double high, DType dtype, Layout layout) {
  return filled("rand_uniform", dims, dtype, layout, [&](auto* values, std::int64_t n) {
    fill_values(values, n, g, [&](double u) { return low + (high - low) * u; });
  });
}

Tensor rand_normal(const Dims& dims, Generator& g, double mean, double std, DType dtype, Layout layout) {
  return filled("rand_normal", dims, dtype, layout,
                [&](auto* values, std::int64_t n) { fill_normal(values, n, g, mean, std); });
}

Tensor dropout_mask(const Tensor& like, double p, Generator& generator) {
  constexpr const char* op = "dropout_mask";
  check::defined(op, {like, "input"});
  if (!(p >= 0 && p < 1)) check::fail(op, "the probability must be in [0, 1): " + std::to_string(p));
  if (like.device().type != Device::Type::CPU) check::fail(op, "masks are drawn on the cpu: input " + describe(like));
  const double kept = 1 / (1 - p);
  const Layout layout = like.is_channels_last() && !like.is_contiguous() ? Layout::ChannelsLast : Layout::Contiguous;
  return filled(op, like.dims(), like.dtype(), layout, [&](auto* values, std::int64_t n) {
    fill_values(values, n, generator, [&](double u) { return u < p ? 0.0 : kept; });
  });
}

}  // namespace fledge
