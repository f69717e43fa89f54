// What a run's result depends on besides its options: the pictures and the teacher. And what only its last bits depend
// on: the machine. Kept in RUN/identity.tsv, so that a resumed run can say what has changed; each checkpoint's state
// holds the identity's hash.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/identity/content.h"

namespace fledge {

struct PictureIdentity {
  std::string name, class_name;  // "": without a label
  std::int64_t label = -1, super_class = -1;
  std::optional<PixelBox> box;
  bool upright = false;  // turned by its camera's note
  Content content;
  FileStamp stamp;  // when the content was found out; no part of the identity
  Content origin;  // of the file that a packed picture was made of, so that a test can know it; no part of the identity
};

struct RunIdentity {
  std::string teacher;  // hash of its weights; "": none
  std::vector<std::pair<std::string, std::vector<PictureIdentity>>>
      sets;                                    // "train", "validation", "test", those there are
  std::map<std::string, std::string> machine;  // what changes bits only: "threads", "isa", ...

  /// Hash of all but stamps, origins and machine.
  std::string hash() const;
};

/// Stamps of a set's files; to be taken before the contents are found out, so that they are never too new.
std::vector<FileStamp> stamps_of(const Dataset& dataset);
/// A set's pictures; finds out the contents that are not known yet.
std::vector<PictureIdentity> identify(Contents& contents, const std::vector<FileStamp>& stamps);
/// Takes over the contents of pictures whose name and stamp are the same as then.
void remember(Contents& contents, const std::vector<FileStamp>& stamps, const std::vector<PictureIdentity>& before);

/// What of the machine decides the last bits.
std::map<std::string, std::string> machine_identity(const std::string& gpu);

/// What changes the result, in words with counts and first names, a line each; empty: nothing.
std::vector<std::string> differences(const RunIdentity& before, const RunIdentity& now);
/// What changes bits only: "2 threads, was 1"; empty: nothing.
std::string machine_difference(const RunIdentity& before, const RunIdentity& now);

std::string identity_text(const RunIdentity& identity);
/// nullopt: `text` is no identity, or was damaged.
std::optional<RunIdentity> parse_identity(const std::string& text);

}  // namespace fledge
