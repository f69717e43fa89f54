// Alarms: signs that training has gone wrong or come to rest, each told once, with a way out.
//
// CollapseAlarm: notices that a metric loss has pulled every picture to the same place, and says so once.
//
// Batch-hard triplets at a high rate do this (method of Hermans et al. 2017, section 3.4): all distances go to 0,
// hardest positive and negative become equal, the loss sits at the margin and nearly every anchor stays active. With
// margin 0 the same state has loss 0. Three signs, each judged on means over a window of steps (50):
//   point    the distances to same-class and to other-class pictures are both below `tiny` (0.01; unit embeddings lie
//            up to 2 apart);
//   margin   margin > 0, active > 0.99, |mean_positive - mean_negative| < margin / 10, and mean_negative is below half
//            of its highest window mean: the loss is its margin, and the embedding has shrunk to get there;
//   stuck    as "margin", but without having shrunk, for ten windows on end: it never left where it began.
// An untrained network may look like "margin" for a while, hence the two conditions on it. A mean, not each step, must
// pass: single batches scatter.
//
// DeadLossAlarm: every triplet or pair keeps its margin, so that the loss teaches nothing any more.
// RankAlarm: the embeddings of a batch vary in few directions only.
#pragma once
#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "tensor/tensor.h"

namespace fledge {

struct CollapseOptions {
  double margin = 0;  // of the triplet loss; 0 (or softplus): only "point" is looked for
  int window = 50;    // steps
  double tiny = 0.01;
  int stuck_windows = 10;
};

class CollapseAlarm {
 public:
  /// Errors (Usage): window or stuck_windows below 1.
  explicit CollapseAlarm(const CollapseOptions& options);
  /// LossOutput::numbers of one step: "mean_positive", "mean_negative", and "active" where there is one. Steps without
  /// the first two (a loss that has none), and steps that are not finite, are not counted. Returns the message at the
  /// step where a collapse shows, once in the alarm's life, else "". After a rate cut or a reload make a new alarm.
  std::string observe(const std::vector<std::pair<std::string, double>>& numbers);
  /// All that it remembers, as numbers, for a checkpoint; set_state() takes it back. Error(BadInput): not such numbers.
  std::vector<double> state() const;
  void set_state(const std::vector<double>& numbers);
  bool raised() const { return raised_; }

 private:
  struct Step {
    double active, positive, negative;
  };
  Step window_mean() const;
  std::string judge(const Step& mean);

  CollapseOptions options_;
  std::deque<Step> window_;
  double highest_negative_ = 0;  // of all window means so far
  std::int64_t at_margin_ = 0;   // window means at the margin, on end
  bool raised_ = false;
};

struct DeadLossOptions {
  double least = 1e-3;  // share of active triplets, pairs or anchors below which a step teaches nothing
  int window = 200;     // steps
};

/// DeadLossAlarm: no triplet or pair breaks its margin any more. Such a step has gradient 0 (but for weight decay), and
/// a long run of them is wasted time. That every term is fulfilled may be success: the message says what follows, not
/// that something broke. Not for runs where another loss, such as a teacher's, goes on teaching. Call observe() once a
/// step beside CollapseAlarm, with the same numbers:
///
///   for (const std::string& message : {alarm_.observe(out.numbers), dead_.observe(out.numbers)}) ...
class DeadLossAlarm {
 public:
  /// Errors (Usage): window below 1, least not in (0, 1).
  explicit DeadLossAlarm(const DeadLossOptions& options = {});
  /// "active" of LossOutput::numbers; steps without it are not counted. The message, once, when the mean over the
  /// window is below `least`, else "".
  std::string observe(const std::vector<std::pair<std::string, double>>& numbers);
  /// All that it remembers, as numbers, for a checkpoint; set_state() takes it back. Error(BadInput): not such numbers.
  std::vector<double> state() const;
  void set_state(const std::vector<double>& numbers);
  bool raised() const { return raised_; }

 private:
  DeadLossOptions options_;
  std::deque<double> window_;
  bool raised_ = false;
};

/// How many directions the embeddings of one batch use: the effective rank exp(-sum p ln p), p_i = l_i / sum l, of the
/// eigenvalues l of the centred batch's N x N Gram matrix (or the D x D one, where that is smaller); Roy & Vetterli
/// 2007. 1 for all on a line, 0 for all on one point, at most min(N - 1, D). embedding N,D. 0.14 ms for 32 x 512, 1.1
/// ms for 128 x 512 (1 thread, Zen 4): a number for every step, or every tenth. Errors:
/// not N,D (Usage), NaN or infinity (Numeric).
double batch_rank(const Tensor& embedding);

struct RankAlarmOptions {
  double least = 2, least_share = 0.05;  // of what the batch allows; the larger of the two counts
  int window = 50;                       // observations
};

/// RankAlarm: the embeddings lie on a line or in a few directions (dimensional collapse, Jing et al. 2022) although
/// their distances look healthy. Call observe(batch_rank(embedding), N, D), as often as the trainer cares to.
class RankAlarm {
 public:
  /// Errors (Usage): window below 1, least below 0, least_share not in [0, 1).
  explicit RankAlarm(const RankAlarmOptions& options = {});
  /// Batches that allow no more than twice the least rank are not judged. The message, once, when the window's mean
  /// rank is below the least and does not rise, else "": from random weights a network begins with few directions.
  std::string observe(double rank, std::int64_t batch, std::int64_t dimensions);
  /// All that it remembers, as numbers, for a checkpoint; set_state() takes it back. Error(BadInput): not such numbers.
  std::vector<double> state() const;
  void set_state(const std::vector<double>& numbers);
  bool raised() const { return raised_; }

 private:
  RankAlarmOptions options_;
  std::deque<double> window_;
  bool raised_ = false;
};

}  // namespace fledge
