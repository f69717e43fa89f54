// The teacher of a run, and the file that keeps what it says.
#pragma once
#include "train/training_setup.h"

namespace fledge {

/// Reads the one that the options name, onto `device`, into `setup`, with what is to be said of it. setup.loading has
/// the student's normalisation. Errors: those of Teacher, products_of (Usage).
void open_teacher(TrainingSetup& setup, const RunSpec& options, Device device, DType activations);

/// Where the options name one and no loss wants what it cannot hold; setup.needs says so. Errors (Usage): a cache
/// without a teacher; those of TeacherCache.
void open_teacher_cache(TrainingSetup& setup, const RunSpec& options);

}  // namespace fledge
