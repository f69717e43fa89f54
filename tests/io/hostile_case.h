// Damaged and malicious weight files with what must become of each, and the judge. The list of our own is
// corpus/expected.tsv, that of the shared folder its EXPECTED.md; large files are made when asked for.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "io/weights/weight_file.h"
#include "tests/support/sanitized.h"

namespace fledge::test {

struct HostileCase {
  std::string file;                // its name
  std::string expect;              // corpus/make_corpus.py says what the words mean
  std::vector<std::string> words;  // of the message, the warning or the unknown names
  std::string what;                // is wrong with it
  std::string path;                // where it lies; empty: `make` gives its bytes
  std::function<std::string()> make = {};
  std::vector<double> weight = {1, 2, 3, 4};  // the tensor `weight`, where the file opens
};

std::vector<HostileCase> corpus_cases();
/// Empty where the shared folder is absent.
std::vector<HostileCase> shared_hostile_cases();
/// hostile_large.cpp
std::vector<HostileCase> large_cases();

/// Opens the file, reads every tensor, and says what is not as the case wants it; ""
/// when all is well. Messages must name `name`.
std::string judge(const HostileCase& c, const std::string& name, const std::function<WeightFile()>& open);

/// The numbers of a tensor as they come out of read().
std::string bytes_of(const WeightFile& file, const StoredTensor& tensor);

}  // namespace fledge::test
