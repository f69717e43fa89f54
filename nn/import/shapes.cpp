#include "nn/import/import.h"
#include "nn/init.h"

namespace fledge {

std::vector<NamedShape> shapes_of(const ModelSpec& spec) {
  const InitGuard sizes_only(InitMode::Shapes);
  const EmbeddingModel model(spec, 0);
  std::vector<NamedShape> shapes;
  for (const auto& [name, tensor] : model.named_state())
    shapes.push_back({name, {tensor.dims().begin(), tensor.dims().end()}});
  return shapes;
}

}  // namespace fledge
