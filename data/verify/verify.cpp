#include "data/verify/verify.h"

#include <xxhash.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "base/error.h"
#include "base/interrupt.h"
#include "data/worker_threads.h"

namespace fledge {
namespace {

enum class BoxPlace { NoBox, Inside, ReachesOut, Outside };

struct Finding {
  bool readable = false;
  std::string reason;
  int width = 0, height = 0;
  std::uint64_t hash = 0;  // of the pixels; equal ones are compared pixel by pixel later
  BoxPlace box = BoxPlace::NoBox;
};

BoxPlace place_of(const std::optional<PixelBox>& box, const Image& image) {
  if (!box) return BoxPlace::NoBox;
  const std::int64_t right = std::int64_t{box->left} + box->width, bottom = std::int64_t{box->top} + box->height;
  if (box->left >= image.width || box->top >= image.height || right <= 0 || bottom <= 0) return BoxPlace::Outside;
  const bool inside = box->left >= 0 && box->top >= 0 && right <= image.width && bottom <= image.height;
  return inside ? BoxPlace::Inside : BoxPlace::ReachesOut;
}

Finding look(const Dataset& dataset, std::int64_t i) {
  Finding f;
  try {
    const Image image = dataset.image(i);
    f = {true,
         "",
         image.width,
         image.height,
         XXH3_64bits(image.rgb.data(), image.rgb.size()),
         place_of(dataset.box(i), image)};
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::BadInput) throw;
    f.reason = e.problem() + (e.hint().empty() ? "" : "; " + e.hint());
  }
  return f;
}

std::vector<Finding> look_at_all(const Dataset& dataset, int workers, const VerifyProgress& progress) {
  std::vector<Finding> findings(static_cast<std::size_t>(dataset.size()));
  std::mutex mutex;
  std::int64_t done = 0;
  for_each_in_threads(dataset.size(), workers - 1, [&](std::int64_t i) {  // the calling thread is one of the workers
    findings[i] = look(dataset, i);
    const std::lock_guard lock(mutex);
    ++done;
    if (progress) progress(done, dataset.size());
  });
  return findings;
}

Spread spread(std::vector<std::int64_t> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  return {values.front(), values[(values.size() - 1) / 2], values.back()};
}

bool same_pixels(const Image& a, const Image& b) {
  return a.width == b.width && a.height == b.height && a.rgb == b.rgb;
}

/// Splits images of one hash into groups of truly equal pixels.
void add_groups(const Dataset& dataset, const std::vector<std::int64_t>& same_hash, std::vector<DuplicateGroup>& out) {
  std::vector<std::pair<Image, std::vector<std::int64_t>>> groups;
  for (const std::int64_t i : same_hash) {
    stop_if_asked();
    Image image = dataset.image(i);
    const auto it =
        std::find_if(groups.begin(), groups.end(), [&](const auto& g) { return same_pixels(g.first, image); });
    if (it == groups.end()) {
      groups.emplace_back(std::move(image), std::vector<std::int64_t>{i});
    } else {
      it->second.push_back(i);
    }
  }
  for (const auto& [image, members] : groups) {
    if (members.size() < 2) continue;
    DuplicateGroup group;
    for (const std::int64_t i : members) {
      group.names.push_back(dataset.name(i));
      group.across_classes |= dataset.label(i) != dataset.label(members.front());
    }
    out.push_back(std::move(group));
  }
}

std::vector<DuplicateGroup> find_duplicates(const Dataset& dataset, const std::vector<Finding>& findings) {
  std::map<std::uint64_t, std::vector<std::int64_t>> by_hash;
  for (std::int64_t i = 0; i < dataset.size(); ++i)
    if (findings[i].readable) by_hash[findings[i].hash].push_back(i);
  std::vector<std::vector<std::int64_t>> candidates;
  for (auto& [hash, members] : by_hash)
    if (members.size() > 1) candidates.push_back(std::move(members));
  std::sort(candidates.begin(), candidates.end());
  std::vector<DuplicateGroup> groups;
  for (const auto& members : candidates) add_groups(dataset, members, groups);
  return groups;
}

/// Says what the boxes' report means.
void remark_boxes(DatasetReport& report) {
  const BoxReport& b = report.boxes;
  if (!b.outside.empty())
    report.remarks.push_back(
        {"box", true,
         std::to_string(b.outside.size()) + " boxes lie wholly outside of their pictures ('" + b.outside.front() +
             "', ...)",
         "the boxes belong to pictures of another size: take annotations and pictures of one version"});
  if (!b.reaching_out.empty())
    report.remarks.push_back({"box", false,
                              std::to_string(b.reaching_out.size()) + " boxes reach beyond their pictures ('" +
                                  b.reaching_out.front() + "', ...)",
                              "what lies inside is used"});
}

}  // namespace

bool DatasetReport::good() const {
  return unreadable.empty() && std::none_of(remarks.begin(), remarks.end(), [](const Remark& r) { return r.fault; }) &&
         std::none_of(duplicates.begin(), duplicates.end(), [](const DuplicateGroup& g) { return g.across_classes; });
}

DatasetReport count_classes(const Dataset& dataset) {
  DatasetReport report;
  report.description = dataset.description();
  report.images = dataset.size();
  report.classes = dataset.classes();
  std::vector<std::int64_t> counts;
  const auto groups = dataset.by_class();
  for (std::size_t c = 0; c < groups.size(); ++c) {
    counts.push_back(static_cast<std::int64_t>(groups[c].size()));
    if (groups[c].size() == 1) report.single_image_classes.push_back(dataset.class_names()[c]);
    if (groups[c].empty()) report.empty_classes.push_back(dataset.class_names()[c]);
  }
  report.images_per_class = spread(std::move(counts));
  return report;
}

DatasetReport verify(const Dataset& dataset, int workers, const VerifyProgress& progress) {
  DatasetReport report = count_classes(dataset);
  const std::vector<Finding> findings = look_at_all(dataset, workers, progress);
  std::vector<std::int64_t> widths, heights, sides;
  for (std::int64_t i = 0; i < dataset.size(); ++i) {
    const Finding& f = findings[i];
    if (!f.readable) {
      report.unreadable.push_back({dataset.name(i), f.reason});
      continue;
    }
    widths.push_back(f.width);
    heights.push_back(f.height);
    sides.push_back(std::min(f.width, f.height));
    report.boxes.boxes += f.box != BoxPlace::NoBox;
    if (f.box == BoxPlace::ReachesOut) report.boxes.reaching_out.push_back(dataset.name(i));
    if (f.box == BoxPlace::Outside) report.boxes.outside.push_back(dataset.name(i));
  }
  report.width = spread(std::move(widths));
  report.height = spread(std::move(heights));
  report.short_side = spread(std::move(sides));
  report.duplicates = find_duplicates(dataset, findings);
  remark_boxes(report);
  report.decoded = true;
  return report;
}

}  // namespace fledge
