// The fledge binary: chooses the verb, and turns every failure into one message and an exit code.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "apps/common/config.h"
#include "apps/common/flag_values.h"
#include "apps/common/signals.h"
#include "apps/verbs/verbs.h"
#include "io/escape.h"
#include "kernels/api/error.h"

namespace {

/// Names in a message may hold anything: it is one line whatever they are.
int report(fledge::ErrorKind kind, const std::string& problem, const std::string& hint) {
  std::fprintf(stderr, "error: %s\n", fledge::shown(problem).c_str());
  if (!hint.empty()) std::fprintf(stderr, "  hint: %s\n", fledge::shown(hint).c_str());
  return static_cast<int>(kind);
}

int run(int argc, char** argv) {
  CLI::App app("fledge trains compact image-embedding networks that learn from a teacher (Yu et al., CVPR 2019).",
               "fledge");
  app.require_subcommand(1);
  app.set_version_flag("--version", FLEDGE_VERSION);
  app.option_defaults()->always_capture_default()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.footer("'fledge VERB --help' shows a verb's flags with examples.");
  std::vector<std::pair<std::string, fledge::RunVerb>> verbs = {
      {"train", fledge::add_train(app)},   {"distill", fledge::add_distill(app)}, {"eval", fledge::add_eval(app)},
      {"embed", fledge::add_embed(app)},   {"inspect", fledge::add_inspect(app)}, {"convert", fledge::add_convert(app)},
      {"data", fledge::add_data(app)},     {"report", fledge::add_report(app)},   {"doctor", fledge::add_doctor(app)},
      {"search", fledge::add_search(app)}, {"bench", fledge::add_bench(app)}};

  fledge::check_values(app);
  std::string command = "fledge";
  for (int i = 1; i < argc; ++i) command += std::string(" ") + argv[i];
  std::vector<std::string> arguments = fledge::expand_arguments(app, {argv + 1, argv + argc});
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);  // --help, --version
    return report(fledge::ErrorKind::Usage, e.what(), "'fledge --help' lists verbs, 'fledge VERB --help' their flags");
  }
  for (auto& [name, verb] : verbs)
    if (app.got_subcommand(name)) return verb(command);
  return 0;
}

int run_guarded(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const fledge::Stopped& stopped) {
    return 128 + stopped.signal;
  } catch (const fledge::Error& e) {
    return report(e.kind(), (e.op().empty() ? "" : "[" + e.op() + "] ") + e.problem(), e.hint());
  } catch (const std::bad_alloc&) {
    const unsigned long bytes = fledge::failed_allocation();
    return report(fledge::ErrorKind::Resource,
                  "out of memory" + (bytes ? ": cannot allocate " + std::to_string(bytes) + " bytes" : std::string()),
                  "use a smaller --batch-size or --cache-mb, or raise the limit on memory (ulimit -v)");
  } catch (const std::system_error& e) {  // of the system: threads, file systems, streams
    if (e.code() == std::errc::broken_pipe) return fledge::finish_process(0);
    return report(fledge::ErrorKind::Resource, e.what(), "");
  } catch (const std::exception& e) {
    return report(fledge::ErrorKind::Internal, e.what(), "");
  }
}

}  // namespace

int main(int argc, char** argv) {
  fledge::prepare_process();
  return fledge::finish_process(run_guarded(argc, argv));
}
