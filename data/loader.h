// Loader: worker threads decode, augment and assemble batches ahead of the step. What a batch holds does not depend on
// the number of workers.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "data/sampler.h"
#include "data/views/transforms.h"
#include "tensor/tensor.h"

namespace fledge {

/// A sample whose own picture could not be read.
struct BadPicture {
  std::size_t row = 0;     // its place in the batch
  std::int64_t index = 0;  // the unreadable picture
  std::string reason;      // the message, which names it
};

struct Batch {
  Tensor images;          // N,3,size,size float32 channels-last, normalised: what the student sees
  Tensor teacher_images;  // the same pictures as the teacher sees them; undefined when it sees `images`
  Tensor labels;          // N int64; -1: no label
  std::vector<SampleRef> samples;
  Tensor pixels, teacher_pixels;  // LoaderOptions::pixels: N,size,size,3 uint8 instead of the two above
  std::vector<BadPicture> bad;    // by row; none with OnBadImage::Fail
};

/// One sample as student and teacher see it, both size x size.
struct Views {
  Image student;
  Image teacher;  // empty: the same picture
};
/// Makes the views of one sample (decode + transform). Pure, thread-safe.
using MakeViews = std::function<Views(const SampleRef&)>;

/// Skip: the next readable image of the same class stands in, for a picture without a label the next readable one
/// without; deterministically. LeaveOut: its row is zero and is not to be counted (Batch::bad).
enum class OnBadImage { Fail, Skip, LeaveOut };

struct LoaderOptions {
  int size = 224;
  Normalization normalization;
  int workers = 1;        // 0: in the calling thread
  int batches_ahead = 4;  // bound on finished batches kept
  OnBadImage on_bad_image = OnBadImage::Fail;
  /// Skip: more different bad pictures than this share of a pass's samples is an error. A pass that goes on where it
  /// was stopped says how many samples it has in all (0: those of its batches) and which pictures it knows as bad.
  double max_bad_fraction = 0.001;
  std::int64_t pass_samples = 0;
  std::set<std::string> known_bad = {};  // by name
  bool teacher_view = false;             // every batch has teacher_images; off: a teacher's view, if made, is dropped
  /// Pictures stay bytes, in memory that `device` copies beside its work: whoever computes normalises them. The memory
  /// of a batch is used again when nobody holds the batch any more.
  bool pixels = false;
  Device device = {};
};

class Loader {
 public:
  /// Runs through `batches` once.
  Loader(std::shared_ptr<Dataset> dataset, std::vector<BatchRefs> batches, MakeViews make_views,
         const LoaderOptions& options);
  ~Loader();  // stops the workers
  /// The next batch in order; nothing at the end. Rethrows a worker's error.
  std::optional<Batch> next();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Which random crop a sample gets. With `crops` > 0 a picture has so many crops, which take turns over its uses; 0: a
/// new one at every use. What a frozen teacher says of a picture is a function of (picture, crop key).
struct CropKey {
  std::int64_t epoch = 0, occurrence = 0;
};
CropKey crop_key(const SampleRef& sample, std::int64_t epoch, std::int64_t crops);

/// Who sees the picture cut to its bounding box, where the data set has one; Teacher: the student does not.
enum class BoxUse { None, Both, Teacher };

struct TrainingViews {
  TrainTransform transform;
  std::uint64_t seed = 0;
  std::int64_t epoch = 0;
  std::int64_t crops = 0;  // see crop_key
  BoxUse boxes = BoxUse::None;
  Degradation degradation = {};  // of the student's view only
};
/// Can the two views of a sample differ? With a teacher, what LoaderOptions::teacher_view must be for these views.
bool views_differ(const TrainingViews& views);
/// The generator of a sample is Generator::of({seed, key.epoch, index, key.occurrence}); both views are made with its
/// numbers (apply_to_both, of different pictures when only the teacher's is cut to its box). `teacher` is left empty
/// when it would be equal. Boxes are cut to the picture; one outside it is an unreadable picture: Error(BadInput).
MakeViews training_views(std::shared_ptr<Dataset> dataset, const TrainingViews& views);
MakeViews evaluation_views(std::shared_ptr<Dataset> dataset, const EvalTransform& transform);

}  // namespace fledge
