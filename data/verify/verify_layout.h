// What `fledge data verify` knows of whole data sets: published counts and checksums, pictures that are listed and not
// there or there and not listed, classes in both parts.
#pragma once
#include <string>

#include "data/verify/verify.h"

namespace fledge {

/// Adds to the report of `source` (as open_dataset takes it; all of its classes) what holds of it as a data set. Fewer
/// pictures than published, or another sum of the annotation file, are a fault unless `partial`. Pictures found missing
/// are taken out of report.unreadable. Sources of other kinds get no remark. Errors: BadInput.
void check_layout(const std::string& source, bool partial, DatasetReport& report);

/// 32 hexadecimal digits (RFC 1321). Errors: BadInput (unreadable), Resource (libcrypto without MD5).
std::string md5_of_file(const std::string& path);

}  // namespace fledge
