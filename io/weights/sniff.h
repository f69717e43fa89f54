// Which container a file is, by its first bytes alone. Private to io/weights.
#pragma once
#include <span>
#include <string>

namespace fledge {

enum class WeightFormat { Zip, Pickle, Tar, Safetensors, Other };

WeightFormat sniff_weights(std::span<const char> bytes);
/// Of a file that is none of ours: "an HTML page", "gzip data", ...
std::string describe_foreign(std::span<const char> bytes);

}  // namespace fledge
