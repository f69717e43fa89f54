// Texts out of hostile files, made fit for a message.
#pragma once
#include <string>

namespace fledge {

/// Control characters as \xNN (a name must not move the terminal's cursor or end the message), and from a text of more
/// than 1,000 bytes the middle left out.
std::string printable(const std::string& text);

}  // namespace fledge
