#include "apps/command_line.h"

#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <system_error>
#include <vector>

#include "apps/cli/parse.h"
#include "apps/cli/short_spin.h"
#include "apps/cli/signals.h"
#include "apps/verbs/verbs.h"
#include "base/error.h"
#include "base/escape.h"
#include "train/spec/config_text.h"

namespace {

/// Names in a message may hold anything: it is one line whatever they are.
int report(fledge::ErrorKind kind, const std::string& problem, const std::string& hint) {
  std::fprintf(stderr, "error: %s\n", fledge::shown(problem).c_str());
  if (!hint.empty()) std::fprintf(stderr, "  hint: %s\n", fledge::shown(hint).c_str());
  return static_cast<int>(kind);
}

int run(int argc, char** argv) {
  using namespace fledge;
  std::vector<Verb> verbs;
  for (Verb (*verb)() : {train_verb, distill_verb, eval_verb, embed_verb, inspect_verb, convert_verb, data_verb,
                         report_verb, doctor_verb, search_verb, bench_verb})
    verbs.push_back(verb());
  std::string command = "fledge";
  for (int i = 1; i < argc; ++i) command += std::string(" ") + argv[i];
  const Parsed parsed = parse(verbs, {argv + 1, argv + argc});
  if (!parsed.verb) return parsed.code;
  if (parsed.verb->print_config()) {
    std::fputs(config_text(parsed.verb->fields).c_str(), stdout);
    return 0;
  }
  return parsed.verb->run(*parsed.verb, command);
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

namespace fledge {

int run_command_line(int argc, char** argv) {
  const std::string verb = argc > 1 ? argv[1] : "";
  if (verb == "train" || verb == "distill") spin_shortly(argv);
  prepare_process();
  return finish_process(run_guarded(argc, argv));
}

}  // namespace fledge
