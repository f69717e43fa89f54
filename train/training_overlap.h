// Pictures that a model is measured on although it was trained on them: known pictures flatter.
#pragma once
#include <string>

#include "data/identity/overlap.h"

namespace fledge {

/// The tested pictures that a model was trained on: where it is a run's, or a checkpoint's of one, and the run's
/// identity (train/run/run_identity.h) names them; none where nothing is known. A picture is known by its content,
/// whatever its name; only contents of files whose size fits are found out, with `threads` more threads.
Overlap training_overlap(const std::string& model, Contents& tested, int threads);

}  // namespace fledge
