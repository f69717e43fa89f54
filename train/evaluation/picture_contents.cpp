#include "train/evaluation/picture_contents.h"

#include "data/dataset.h"

namespace fledge {

std::vector<std::string> contents_of(Contents& contents, const std::vector<std::int64_t>& pictures, int threads) {
  const Dataset& dataset = contents.dataset();
  contents.find(pictures, threads);
  std::vector<std::string> texts;
  for (const std::int64_t i : pictures) {
    const Content content = contents.origin(i);
    const bool file = !dataset.file(i).path.empty() || dataset.origin(i).known();
    texts.push_back(!content.known() ? "" : (file ? "" : "pixels:") + to_text(content));
  }
  return texts;
}

void identify(Embeddings& e, Contents& contents, int threads) {
  e.contents = contents_of(contents, e.pictures, threads);
}

}  // namespace fledge
