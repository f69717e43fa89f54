#include "nn/import/import.h"

namespace fledge {

std::vector<NamedShape> shapes_of(const ModelSpec& spec) {
  std::vector<NamedShape> shapes;
  for (const auto& [name, tensor] : EmbeddingModel::shapes_only(spec)->named_state())
    shapes.push_back({name, {tensor.dims().begin(), tensor.dims().end()}});
  return shapes;
}

}  // namespace fledge
