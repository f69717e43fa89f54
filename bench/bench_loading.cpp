// Pictures a second of one core, step by step: files of a data set to the normalised floats of a batch. The files are
// read from the page cache, times are those of the thread. A round does each step once for every picture.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "data/loader.h"
#include "data/views/normalize.h"

using namespace fledge;

namespace {

double thread_seconds() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

struct Step {
  std::string name;
  std::function<void(std::int64_t)> run;
  std::vector<double> seconds = {};  // for all pictures, by round
};

void print(Step& step, std::int64_t pictures) {
  std::sort(step.seconds.begin(), step.seconds.end());
  const double least = step.seconds.front(), median = step.seconds[step.seconds.size() / 2];
  const double n = static_cast<double>(pictures);
  std::printf("%-60s %8.1f %8.1f %9.0f %9.0f\n", step.name.c_str(), least / n * 1e6, median / n * 1e6, n / least,
              n / median);
}

/// Decoding alone, the views of training and evaluation with and without it, and the floats.
std::vector<Step> steps(const std::shared_ptr<Dataset>& files, const std::shared_ptr<Dataset>& kept, int size,
                        std::vector<Image>& views, std::vector<float>& out) {
  const int short_side = size * 256 / 224;
  const auto training = [&](const std::shared_ptr<Dataset>& d, Augmentation augmentation, bool fast = false) {
    TrainingViews v;
    v.transform = train_preset(augmentation, size);
    v.transform.fast_decode = fast;
    return training_views(d, v);
  };
  const EvalTransform center{short_side, size};
  std::vector<Step> all;
  all.push_back({"decode", [files](std::int64_t i) { files->image(i); }});
  for (const auto& [name, d] : {std::pair("file", files), std::pair("decoded picture", kept)}) {
    const std::string from = std::string(", from the ") + name;
    for (const auto& [what, view] : {std::pair("random crop", training(d, Augmentation::Modern)),
                                     std::pair("random crop, fast decode", training(d, Augmentation::Modern, true)),
                                     std::pair("resize, random crop, resize", training(d, Augmentation::Paper)),
                                     std::pair("resize, center crop", evaluation_views(d, center))}) {
      all.push_back({what + from, [view = view](std::int64_t i) { view({i, 0}); }});
      if (d == files)
        all.push_back({std::string(what) + ", normalise" + from, [view = view, &out](std::int64_t i) {
                         normalize_to(view({i, 0}).student, {}, out.data());
                       }});
    }
  }
  all.push_back({"normalise", [&views, &out](std::int64_t i) {
                   normalize_to(views[static_cast<std::size_t>(i) % views.size()], {}, out.data());
                 }});
  return all;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2) {
    std::fprintf(stderr, "usage: bench_loading DATA [SIZE=224] [PICTURES=500] [ROUNDS=7]\n");
    return 2;
  }
  const int size = argc > 2 ? std::atoi(argv[2]) : 224, rounds = argc > 4 ? std::atoi(argv[4]) : 7;
  const auto files = open_dataset({argv[1], ""});
  const std::int64_t pictures = std::min<std::int64_t>(files->size(), argc > 3 ? std::atoi(argv[3]) : 500);
  if (size < 8 || rounds < 1 || pictures < 1)
    throw Error(ErrorKind::Usage, "", "SIZE must be 8 or more, PICTURES and ROUNDS 1 or more");
  const auto kept = cache_images(files, std::int64_t{8} << 30);
  double pixels = 0;
  for (std::int64_t i = 0; i < pictures; ++i) {
    const Image image = kept->image(i);
    pixels += static_cast<double>(image.width) * image.height;
  }
  std::vector<Image> views;
  for (std::int64_t i = 0; i < std::min<std::int64_t>(pictures, 4); ++i)
    views.push_back(apply(EvalTransform{0, size}, kept->image(i)));
  std::vector<float> out(static_cast<std::size_t>(size) * size * 3);
  std::vector<Step> all = steps(files, kept, size, views, out);
  for (int round = 0; round <= rounds; ++round)  // the first one warms up
    for (Step& step : all) {
      const double before = thread_seconds();
      for (std::int64_t i = 0; i < pictures; ++i) step.run(i);
      if (round > 0) step.seconds.push_back(thread_seconds() - before);
    }
  std::printf("%ld pictures of %.0f pixels on average, to %d px\n", static_cast<long>(pictures),
              pixels / static_cast<double>(pictures), size);
  std::printf("%-60s %8s %8s %9s %9s\n", "one thread", "us least", "median", "most a s", "median");
  for (Step& step : all) print(step, pictures);
  return 0;
} catch (const Error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return static_cast<int>(e.kind());
}
