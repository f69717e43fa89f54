// Lists of names and shapes to import: real ones from tests/golden/names, and made ones.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "nn/import/import.h"

namespace fledge::test {

using Names = std::vector<NamedShape>;

/// tests/golden/names/NAME.txt
Names real_names(const std::string& name);

/// The tensors of a network, with `prefix` before their names; without batch counters when `counters` is false.
Names names_of(const std::string& arch, double width, const std::string& prefix = "",
               const std::string& stem = "imagenet", bool counters = true);
/// A linear layer: MODULE.weight (out, in) and MODULE.bias.
Names linear_names(const std::string& module, std::int64_t out, std::int64_t in);

Names operator+(Names a, const Names& b);
Names renamed(Names names, const std::function<std::string(std::string)>& f);
/// Every `from` in a name replaced by `to`.
std::string replaced(std::string name, const std::string& from, const std::string& to);
Names without(const Names& names, const std::function<bool(const NamedShape&)>& drop);

/// The target of the tensor with that name; "unused", or "nowhere".
std::string target_of(const Names& names, const ImportPlan& plan, const std::string& name);
/// Empty when every tensor is placed or unused, every tensor of the model (batch counters aside) is filled once, and
/// the shapes agree; else what is wrong.
std::string flaw_of(const Names& names, const ImportPlan& plan);
bool has_note(const ImportPlan& plan, const std::string& part);

/// The text of the error; "no error" when there is none.
std::string import_error(const Names& names, const ImportOptions& options = {}, ErrorKind kind = ErrorKind::BadInput);

}  // namespace fledge::test
