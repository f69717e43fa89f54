// Names and texts that are not plain UTF-8: lossless in files and JSON, harmless on a terminal.
//
// The escape is \xNN, two hexadecimal digits. In files it is reversible: whatever has to be written so is, and so is a
// backslash in front of an x, as \x5c. Every other text stays as it is.
#pragma once
#include <string>
#include <string_view>

namespace fledge {

/// Bytes of the character of UTF-8 at the front (RFC 3629: no overlong forms, no surrogates); 0: there is none.
std::size_t character_length(std::string_view text);

/// Bytes that are no UTF-8 as \xNN, so that JSON can hold the text. unescaped() gives it back.
std::string escaped_for_json(std::string_view text);
/// The same and all control characters, tabs and line breaks among them: one cell of a table, one line of a list.
std::string escaped_for_line(std::string_view text);
/// The same and blanks (U+00A0 too) at the ends, which readers of tables cut off.
std::string escaped_for_cell(std::string_view text);
/// What one of the first two was made of. An \xNN that neither writes (\x41) stays.
std::string unescaped(std::string_view text);
/// ... and of the third.
std::string unescaped_cell(std::string_view text);

/// For people: control characters, those that turn the direction of writing, and bytes that are no UTF-8 as \xNN. Twice
/// is the same as once; not reversible, a backslash stays.
std::string shown(std::string_view text);

}  // namespace fledge
