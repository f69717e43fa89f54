// The index of a model in several files, as Hugging Face writes it: {"weight_map": {TENSOR: FILE, ...}}. It names
// files, so it is read as the words of a stranger: plain names in its own folder, no more than a model has. Private
// to io.
#pragma once
#include <map>
#include <string>
#include <string_view>

namespace fledge {

/// By the ending of its name: model.safetensors.index.json, pytorch_model.bin.index.json.
bool is_shard_index(const std::string& path);

/// FILE -> the tensors that it holds, TENSOR -> true once it was found. `path` stands in messages.
/// Errors (BadInput): no JSON of that form, more than 100,000 tensors or 256 files, names of files with a folder, or
/// that are indices themselves.
std::map<std::string, std::map<std::string, bool>> parse_shard_index(std::string_view text, const std::string& path);

}  // namespace fledge
