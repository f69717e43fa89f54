// CollapseAlarm: notices that a metric loss has pulled every picture to the same place, and says so once.
//
// Batch-hard triplets at a high rate do this (method of Hermans et al. 2017, section 3.4): all distances go to 0,
// hardest positive and negative become equal, the loss sits at the margin and nearly every anchor stays active. With
// margin 0 the same state has loss 0. Three signs, each judged on means over a window of steps (50):
//   point    the distances to same-class and to other-class pictures are both below `tiny` (0.01; unit embeddings lie
//   up to 2 apart); margin   margin > 0, active > 0.99, |mean_positive - mean_negative| < margin / 10, and
//   mean_negative is below half of its highest
//            window mean: the loss is its margin, and the embedding has shrunk to get there;
//   stuck    as "margin", but without having shrunk, for ten windows on end: it never left where it began.
// An untrained network may look like "margin" for a while, hence the two conditions on it. A mean, not each step, must
// pass: single
// batches scatter.
#pragma once
#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

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

}  // namespace fledge
