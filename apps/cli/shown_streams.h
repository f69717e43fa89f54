// The last step of all that is printed for people: whatever a name holds, no control character and no byte that is not
// UTF-8 reaches a terminal.
#pragma once

namespace fledge {

/// From here on what is written to stderr, and to stdout where that is a terminal, passes
/// through shown() (base/escape.h). Line breaks, tabs and returns stay, and the progress bar's
/// "clear the line" at the beginning of a message.
void show_plain_text_only();

}  // namespace fledge
