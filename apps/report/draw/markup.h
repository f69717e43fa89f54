// Text, numbers and binary data as HTML and SVG take them.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace fledge::report {

/// & < > " ' as entities, so that the text can stand in an element or a quoted attribute of HTML and of SVG files.
/// Bytes that XML cannot hold (control characters, broken UTF-8: file names may be any bytes) become U+FFFD.
std::string escape(const std::string& text);

/// Four significant digits without trailing zeros: "0.1759", "2,680"; thousands with commas.
std::string number_text(double value);
/// A share as percent with two decimals, as fledge eval prints it: 0.9286 -> "92.86".
std::string percent_text(double share);
/// Letters, digits and - of a name for a file; everything else becomes "_".
std::string file_name(const std::string& name);
/// At most `most` characters, the last of them "…" when some were cut off.
std::string shortened(const std::string& text, std::size_t most);
/// Bytes for people: "812 KB", "1.3 MB".
std::string bytes_text(std::int64_t bytes);

/// "data:TYPE;base64,..."
std::string data_uri(const std::string& type, const std::vector<std::uint8_t>& bytes);

}  // namespace fledge::report
