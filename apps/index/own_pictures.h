// Which rows of a gallery show a query's own picture. Found first, such rows make any embedding look perfect.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace fledge {

/// The pictures of some rows, as far as they are known.
struct PictureNames {
  const std::vector<std::string>& paths;     // of each row
  const std::vector<std::string>& contents;  // of each, as in a table (io/table.h); empty: not known
  std::string root = {};                     // where the paths begin; "": not known
};

struct OwnPictures {
  std::vector<std::vector<std::int32_t>> rows;  // for each query, rising; empty when no query has any
  std::int64_t own = 0;                         // queries whose own picture is in the gallery under its own path
  std::int64_t copies = 0;                      // queries of which it holds the same content under another path
};

/// What counts as a query's own picture:
/// - the same content, whatever the path: a copy under another name answers nothing that the query did not ask;
/// - the same path, where both paths begin at one root: also when the file has been changed in between;
/// - the same path, where the content of one of the two is not known, or one is of a file and one of pixels (a pack of
///   it): the only thing left to go by. With different contents and roots it is another picture (train/a/1.png and
///   test/a/1.png are both called a/1.png).
/// Without `copies` those under another path are counted and not among the rows.
OwnPictures own_pictures(const PictureNames& queries, const PictureNames& gallery, bool copies = true);
/// The same among the queries themselves: rows of other numbers with the content of row i. `own` stays 0.
OwnPictures copies_within(const PictureNames& pictures);

}  // namespace fledge
