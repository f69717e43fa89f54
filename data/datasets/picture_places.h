// Where the pictures of an annotation lie. The sets are unpacked and copied in many ways: folders are doubled
// (cars_train/cars_train), pictures lie beside or above their annotations. The files decide, not their names' form.
// Private to datasets.
#pragma once
#include <string>
#include <vector>

#include "data/datasets/annotated.h"

namespace fledge {

bool is_file(const std::string& path);
bool is_folder(const std::string& path);

class PicturePlaces {
 public:
  explicit PicturePlaces(Annotations& annotations) : a_(annotations) {}

  /// Of the images whose file begins with `usual` ("cars_train/"): they get the beginning under which most of
  /// a few of them exist, of `usual`, `others`, and each of these doubled ("cars_train/cars_train/"). One
  /// that begins with "../" moves the root up, so it is for annotations with one beginning. Returns the
  /// beginning, "" where there are no such images.
  std::string settle(const std::string& usual, const std::vector<std::string>& others = {});
  /// Refuses (BadInput) annotations none of whose pictures is anywhere, and says what was looked for.
  void require_any() const;

 private:
  bool exists(const std::string& file) const;
  Annotations& a_;
  bool any_ = false;
  std::vector<std::string> looked_for_;
};

}  // namespace fledge
