// The runs beside each other: kinds over their seeds, columns of metrics, who is best, what differs.
#pragma once
#include <string>
#include <vector>

#include "apps/report/run_record.h"

namespace fledge::report {

/// Runs that differ by their seed only by name, tested on the same pictures.
struct Kind {
  std::string name;
  std::string test_set;  // their options test and test-classes; "" without
  std::vector<const RunRecord*> runs;
  int color = 0;  // its place among all kinds
};
/// In order of first appearance.
std::vector<Kind> kinds_of(const std::vector<RunRecord>& runs);

/// Their sets of test pictures, each once.
std::vector<std::string> test_sets(const std::vector<Kind>& kinds);

struct Column {
  std::string key, label;
  bool share = false;   // shown as percent
  bool ranked = false;  // more is better, known to be so
};
/// Every number that any of the runs has: recall by K, MAP@R, then the others by name.
std::vector<Column> metric_columns(const std::vector<const RunRecord*>& runs);

/// Mean and standard deviation (n - 1) over the runs of a kind that have the metric; count 0: none has.
struct Spread {
  int count = 0;
  double mean = 0, deviation = 0;
};
Spread spread_of(const Kind& kind, const std::string& key);

/// The kind that the first run's option `teacher` names, or null.
const Kind* teacher_of(const Kind& kind, const std::vector<Kind>& kinds);
/// A kind of the same network and test pictures that was trained without a teacher, or null.
const Kind* alone_of(const Kind& kind, const std::vector<Kind>& kinds);

/// Options whose values differ, a row each: key, then a value for each run ("–": the run has no such option). Numbers
/// are compared as numbers; --run, --resume and the machine's options are left out.
struct Difference {
  std::string key;
  std::vector<std::string> values;
};
std::vector<Difference> config_differences(const std::vector<RunRecord>& runs);

}  // namespace fledge::report
