// What fledge and its peers compute on: the same weights, pictures, targets and rows, as functions of a case, and as
// files for programs in another language.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "apps/bench/cases.h"
#include "train/compute.h"

namespace fledge::bench {

constexpr std::uint64_t kModelSeed = 1, kTeacherSeed = 2;

/// On the device. Random weights. Batch norms have scales and statistics of their own, so that a program that leaves
/// one out is found by its embeddings.
std::shared_ptr<EmbeddingModel> case_model(const ModelSpec& spec, std::uint64_t seed, const Compute& compute);
/// The same in evaluation, frozen.
std::shared_ptr<EmbeddingModel> frozen_model(const ModelSpec& spec, std::uint64_t seed, const Compute& compute);
/// N,3,size,size float32, channels-last, on the CPU.
Tensor case_images(std::int64_t batch, int size);
/// N,D float32 rows of unit length, on the CPU.
Tensor case_targets(std::int64_t batch, std::int64_t embedding);

struct LabeledRows {
  Tensor vectors;  // N,512 float32, unit length
  std::vector<std::int64_t> labels;
};
/// Classes as small as those of Stanford Online Products: 60,502 rows in 11,316 classes, and in proportion.
LabeledRows case_rows(std::int64_t count);

/// folder/pictures/all/NNNNN.jpg, each 516x388 and about as many bytes as a photograph of that size.
void write_pictures(std::int64_t count, const std::string& folder);

/// Writes into `folder` (which is there), as far as the case has it:
///   model.safetensors, teacher.safetensors   fledge model files
///   images.npy, targets.npy                  what goes in
///   embeddings.npy, teacher_embeddings.npy   what the networks make of it, in evaluation
///   losses.npy                               of the first three training steps
///   pictures/, loaded.npy                    JPEG files, and the first of them as the network sees them: N,3,S,S
///   vectors.npy, labels.npy, recalls.npy     rows, their classes, Recall@1 and @10
void write_shared_case(const BenchCase& c, int size, const Compute& compute, const std::string& folder);

}  // namespace fledge::bench
