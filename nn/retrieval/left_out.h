// Which gallery rows each query passes over, as though they were not there. Private to nn/retrieval/.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

namespace fledge {

class LeftOut {
 public:
  /// Query i leaves out row i, where `self`, and the rows own[i] (empty: none of any query; else one list a query,
  /// sorted here, each row once).
  LeftOut(bool self, std::vector<std::vector<std::int32_t>> own, std::int64_t queries)
      : self_(self), own_(std::move(own)), most_(self) {
    if (own_.empty()) return;
    for (std::int64_t q = 0; q < queries; ++q) {
      auto& rows = own_[q];
      if (self_) rows.push_back(static_cast<std::int32_t>(q));
      std::sort(rows.begin(), rows.end());
      rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
      most_ = std::max(most_, static_cast<std::int64_t>(rows.size()));
    }
  }

  /// Does each query leave out its own row and nothing else?
  bool itself_only() const { return self_ && own_.empty(); }
  bool has(std::int64_t query, std::int64_t row) const {
    if (own_.empty()) return self_ && query == row;
    return std::binary_search(own_[query].begin(), own_[query].end(), static_cast<std::int32_t>(row));
  }
  /// Calls f(row) for each row of the query in [first, first + count).
  template <class F>
  void each_in(std::int64_t query, std::int64_t first, std::int64_t count, F f) const {
    if (own_.empty()) {
      if (self_ && query >= first && query < first + count) f(query);
      return;
    }
    const auto& rows = own_[query];
    for (auto at = std::lower_bound(rows.begin(), rows.end(), first); at != rows.end() && *at < first + count; ++at)
      f(*at);
  }
  /// Rows that one query leaves out, at most.
  std::int64_t most() const { return most_; }
  std::int64_t of(std::int64_t query) const {
    return own_.empty() ? self_ : static_cast<std::int64_t>(own_[query].size());
  }

 private:
  bool self_;
  std::vector<std::vector<std::int32_t>> own_;
  std::int64_t most_;
};

}  // namespace fledge
