#include "train/training_teacher.h"

#include "base/error.h"
#include "nn/state_dict.h"
#include "train/compute.h"
#include "train/spec/config_text.h"

namespace fledge {
namespace {

/// Of the tensors, not of a file: the same whatever container they come from, and in however many pieces.
std::string hash_of_weights(const EmbeddingModel& model) {
  std::string text = model.spec().describe() + "\n";
  for (const auto& [name, tensor] : state_dict(model)) {
    const Tensor dense = tensor.contiguous();
    text += name + " " + to_string(dense.dims()) + " " +
            to_text(content_of(dense.raw(), static_cast<std::size_t>(dense.numel()) * size_of(dense.dtype()))) + "\n";
  }
  return to_text(content_of(text.data(), text.size()));
}

/// Everything besides the crop and the picture that a teacher's embedding depends on.
std::string cache_identity(const TrainingSetup& s, RunSpec o) {
  if (o.loss.teacher_precision == TeacherPrecision::Int8 && computed(RunPrecision::Int8) == RunPrecision::Int16)
    o.loss.teacher_precision = TeacherPrecision::Int16;
  return "teacher " + s.teacher_hash + ", " + s.teacher->loaded().preprocessing.normalize + "\nnormalisation " +
         s.preprocessing.normalize + "\n" + teacher_settings(o);
}

}  // namespace

void open_teacher(TrainingSetup& s, const RunSpec& o, Device device, DType activations) {
  s.teacher = std::make_unique<Teacher>(o.loss.teacher, o.loss.external_teacher, s.loading.normalization);
  s.teacher_hash = hash_of_weights(*s.teacher->loaded().model);
  s.teacher->move_to(device, activations);
  const auto products = products_of(o.loss.teacher_precision, {.device = device, .activations = activations});
  s.teacher->multiply_as(products);
  if (products)
    if (const std::string note = precision_note({.device = {}, .products = *products}); !note.empty())
      s.notes.push_back(note);
  s.notes.push_back("teacher: " + s.teacher->loaded().model->spec().describe() + " from " + s.teacher->loaded().source);
  for (const auto& note : s.teacher->loaded().notes) s.notes.push_back("teacher: " + note);
}

void open_teacher_cache(TrainingSetup& s, const RunSpec& o) {
  if (o.loss.teacher_cache.empty()) return;
  if (!s.teacher)
    throw Error(ErrorKind::Usage, "", "--teacher-cache without a teacher", "name one with --teacher RUN_OR_FILE");
  if (s.needs.teacher_stages) {
    s.notes.push_back("teacher cache: not used, as a loss wants the teacher's maps, which it does not hold");
    return;
  }
  s.cache = std::make_unique<TeacherCache>(o.loss.teacher_cache, cache_identity(s, o),
                                           s.teacher->loaded().model->embedding_size());
  if (s.cache->begun_anew())
    s.notes.push_back("teacher cache: " + o.loss.teacher_cache +
                      " was of an older fledge, which did not look at the pictures' contents; begun anew");
  s.notes.push_back("teacher cache: " + std::to_string(s.cache->size()) + " crops in " + o.loss.teacher_cache +
                    (s.cache->size() > 0 ? "; those of another run may differ from this one's own in last bits" : ""));
}

}  // namespace fledge
