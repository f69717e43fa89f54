#include "tests/nn/import/lists.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

namespace fledge::test {
namespace {

bool is_counter(const std::string& name) { return name.ends_with("num_batches_tracked"); }

}  // namespace

Names real_names(const std::string& name) {
  std::ifstream file(std::string(FLEDGE_SOURCE_DIR) + "/tests/golden/names/" + name + ".txt");
  REQUIRE(file);
  Names names;
  std::string line;
  while (std::getline(file, line)) {
    if (line.empty() || line[0] == '#') continue;
    const std::size_t space = line.rfind(' ');
    NamedShape tensor{line.substr(0, space), {}};
    std::string sizes = line.substr(space + 1);
    if (sizes != "scalar") {
      std::istringstream all(replaced(sizes, "x", " "));
      for (std::int64_t size; all >> size;) tensor.shape.push_back(size);
    }
    names.push_back(tensor);
  }
  REQUIRE(names.size() > 50);
  return names;
}

Names names_of(const std::string& arch, double width, const std::string& prefix, const std::string& stem,
               bool counters) {
  ModelSpec spec;
  spec.arch = arch;
  spec.width = width;
  spec.stem = stem;
  spec.embedding = 0;
  Names names;
  for (NamedShape& tensor : shapes_of(spec))
    if (counters || !is_counter(tensor.name)) names.push_back({prefix + tensor.name, tensor.shape});
  return names;
}

Names linear_names(const std::string& module, std::int64_t out, std::int64_t in) {
  return {{module + ".weight", {out, in}}, {module + ".bias", {out}}};
}

Names operator+(Names a, const Names& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Names renamed(Names names, const std::function<std::string(std::string)>& f) {
  for (NamedShape& tensor : names) tensor.name = f(tensor.name);
  return names;
}

std::string replaced(std::string name, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = name.find(from, at)) != std::string::npos; at += to.size())
    name.replace(at, from.size(), to);
  return name;
}

Names without(const Names& names, const std::function<bool(const NamedShape&)>& drop) {
  Names kept;
  for (const NamedShape& tensor : names)
    if (!drop(tensor)) kept.push_back(tensor);
  return kept;
}

std::string target_of(const Names& names, const ImportPlan& plan, const std::string& name) {
  for (const auto& [source, target] : plan.placed)
    if (names[source].name == name) return target;
  for (std::size_t i : plan.unused)
    if (names[i].name == name) return "unused";
  for (std::size_t i : plan.dropped)
    if (names[i].name == name) return "dropped";
  return "nowhere";
}

std::string flaw_of(const Names& names, const ImportPlan& plan) {
  std::map<std::string, std::vector<std::int64_t>> open;
  for (const NamedShape& tensor : shapes_of(plan.spec)) open[tensor.name] = tensor.shape;
  std::set<std::size_t> seen;
  for (const auto& [source, target] : plan.placed) {
    if (!open.count(target)) return "'" + target + "' is filled twice, or is no tensor of the model";
    if (!is_counter(target) && open[target] != names[source].shape) return "'" + target + "' has another shape";
    open.erase(target);
    if (!seen.insert(source).second) return "'" + names[source].name + "' is placed twice";
  }
  for (const auto& [name, shape] : open)
    if (!is_counter(name)) return "'" + name + "' stays empty";
  for (std::size_t i : plan.unused)
    if (!seen.insert(i).second) return "'" + names[i].name + "' is placed and unused";
  for (std::size_t i : plan.dropped)
    if (!seen.insert(i).second) return "'" + names[i].name + "' is dropped and something else";
  return seen.size() == names.size() ? "" : "some tensors are neither placed nor unused nor dropped";
}

bool has_note(const ImportPlan& plan, const std::string& part) {
  for (const std::string& note : plan.notes)
    if (note.find(part) != std::string::npos) return true;
  return false;
}

std::string import_error(const Names& names, const ImportOptions& options, ErrorKind kind) {
  try {
    plan_import(names, options);
  } catch (const Error& e) {
    CHECK(e.kind() == kind);
    CHECK_FALSE(e.hint().empty());
    return e.what();
  }
  return "no error";
}

}  // namespace fledge::test
