// Texts out of hostile files, made fit for a message.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace fledge {

/// Control characters as \xNN (a name must not move the terminal's cursor or end the message), and from a text of more
/// than 1,000 bytes the middle left out.
std::string printable(const std::string& text);

/// "[2, 3]"
std::string list_text(const std::vector<std::int64_t>& values);

}  // namespace fledge
