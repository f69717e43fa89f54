// What a run is of: told by its checkpoints, compared when it goes on.
#include <chrono>

#include "base/error.h"
#include "base/escape.h"
#include "base/interrupt.h"
#include "io/file.h"
#include "train/loop/trainer.h"

namespace fledge {
namespace {

constexpr const char* kFile = "identity.tsv";
constexpr double kPatience = 2;  // seconds that a stopped run takes to find out what its pictures are

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += (text.empty() ? "" : "; ") + line;
  return text;
}

struct PictureSet {
  const char* name;
  Contents* contents;
  const std::vector<FileStamp>& stamps;
};

/// Those that there are.
std::vector<PictureSet> sets_of(const TrainingSetup& s) {
  std::vector<PictureSet> sets;
  for (const PictureSet& set : {PictureSet{"train", s.train_contents.get(), s.train_stamps},
                                {"validation", s.validation_contents.get(), s.validation_stamps},
                                {"test", s.test_contents.get(), s.test_stamps}})
    if (set.contents) sets.push_back(set);
  return sets;
}

/// What decides the last bits: the machine, and whether the teacher's outputs are of the batch at hand or were kept.
std::map<std::string, std::string> bits_of(const Compute& compute, const MachineSpec& options, const TrainingSetup& s) {
  auto bits = machine_identity(describe(compute, options));
  if (s.cache) bits["teacher cache"] = "used";
  return bits;
}

/// For so long, deaf to signals. Are all known?
bool finish_within(Contents& contents, double seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  for (std::int64_t i = 0; i < contents.size() && std::chrono::steady_clock::now() < end; ++i) contents.of(i);
  return contents.complete();
}

}  // namespace

/// Waits for what is not known yet.
RunIdentity Trainer::find_identity() {
  RunIdentity identity;
  identity.teacher = setup_.teacher_hash;
  if (setup_.teacher)  // the same weights that see other numbers are another teacher
    if (const std::string& sees = setup_.teacher->loaded().preprocessing.normalize;
        sees != setup_.preprocessing.normalize)
      identity.teacher += " (" + sees + ")";
  identity.machine = bits_of(compute_, o_.machine, setup_);
  for (const PictureSet& set : sets_of(setup_))
    identity.sets.emplace_back(set.name, identify(*set.contents, set.stamps));
  return identity;
}

/// Refuses to go on with other pictures or another teacher; notes what only changes bits.
void Trainer::check_identity(const RunState& saved) {
  const auto bytes = read_file_if_there(run_->file(kFile));
  const auto before = bytes ? parse_identity(std::string(bytes->begin(), bytes->end())) : std::nullopt;
  if (before)
    for (const auto& [name, pictures] : before->sets)
      for (const PictureSet& set : sets_of(setup_))
        if (name == set.name) remember(*set.contents, set.stamps, pictures);
  if (saved.identity.empty()) {
    tell(&RunObserver::said,
         "the checkpoint does not say what the pictures were: only their number and order are checked", false);
    return note_machine(before);
  }
  for (const PictureSet& set : sets_of(setup_)) set.contents->finish(o_.data.workers);
  const RunIdentity now = find_identity();
  const bool same = now.hash() == saved.identity;
  if (!same) {
    const bool known = before && before->hash() == saved.identity;
    const std::string what = known
                                 ? joined(differences(*before, now))
                                 : "what exactly is not known, as '" + run_->file(kFile) + "' is missing or another's";
    if (!o_.policy.resume_allow_change)
      throw Error(ErrorKind::Usage, "",
                  "cannot resume '" + run_->path() + "': what it learns from has changed: " + what,
                  "restore it, start a new run with --run, or say --resume-allow-change true");
    resume_notes_.push_back("resumed although what it learns from has changed: " + what);
  }
  note_machine(before);
  // The stamps of files that were copied or touched are new, so it is written again where anything at all is.
  if (same && before && identity_text(*before) == identity_text(now)) identity_hash_ = saved.identity;
}

void Trainer::note_machine(const std::optional<RunIdentity>& before) {
  if (!before) return;
  RunIdentity now;
  now.machine = bits_of(compute_, o_.machine, setup_);
  const std::string changed = machine_difference(*before, now);
  if (!changed.empty()) resume_notes_.push_back("not bit-exact: resumed with " + changed);
}

/// Beside the first steps.
void Trainer::look_at_contents() {
  for (const PictureSet& set : sets_of(setup_)) set.contents->start();
}

/// Before each save: the state names the identity, whose file is there first. A run that is stopped before its pictures
/// have been looked at does without.
void Trainer::remember_identity() {
  if (!identity_hash_.empty()) {
    state_.identity = identity_hash_;
    return;
  }
  for (const PictureSet& set : sets_of(setup_)) {
    try {
      set.contents->finish(o_.data.workers);
    } catch (const Stopped&) {
      if (!finish_within(*set.contents, kPatience)) return state_.identity.clear();
    }
  }
  const RunIdentity identity = find_identity();
  write_file_atomic(run_->file(kFile), identity_text(identity));
  state_.identity = identity_hash_ = identity.hash();
}

}  // namespace fledge
