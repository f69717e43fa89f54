// Pictures that a model is measured on although it was trained on them: known pictures flatter.
#pragma once
#include <memory>
#include <string>

#include "data/dataset.h"
#include "data/overlap.h"

namespace fledge {

/// "3 of the 40 test pictures are training pictures too (...)" where the model is a run's, or a checkpoint's of one, and
/// the run's identity (apps/common/run_identity.h) names the pictures it was trained on; "" where none is among these
/// or where nothing is known. A picture is known by its content, whatever its name. `threads` more threads look.
std::string training_overlap(const std::string& model, const std::shared_ptr<Dataset>& tested, int threads);
/// The same as numbers. Only contents of files whose size fits are found out.
Overlap training_overlap(const std::string& model, Contents& tested, int threads);

}  // namespace fledge
