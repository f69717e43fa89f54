#include "data/datasets/products.h"

#include <set>

#include "base/error.h"
#include "data/datasets/annotation_files/text_file.h"
#include "data/datasets/picture_places.h"

namespace fledge {

namespace {

constexpr std::int64_t kSuperClasses = 12;
constexpr std::int64_t kMaxClass = 99'999;  // five digits keep sorted names in the order of the ids

const KnownSet kProducts = {"Stanford Online Products",
                            {59551, 11318},
                            {60502, 11316},
                            {{"Stanford_Online_Products.zip", "7f73d41a2f44250d4779881525aea32e", true}}};

std::string list_path(const std::string& root, SplitPart part) {
  return root + (part == SplitPart::Train ? "/Ebay_train.txt" : "/Ebay_test.txt");
}

bool has_list(const std::string& root, SplitPart part) { return is_file(list_path(root, part)); }

std::string class_name(std::int64_t id) {
  const std::string digits = std::to_string(id);
  return std::string(5 - digits.size(), '0') + digits;
}

void add_list(Annotations& a, SplitPart part, std::set<std::string>& folders) {
  const std::vector<TextRow> rows = read_blank_separated(list_path(a.root, part), 4);
  if (rows.empty() || rows[0].fields != std::vector<std::string>{"image_id", "class_id", "super_class_id", "path"})
    throw Error(ErrorKind::BadInput, "",
                "'" + list_path(a.root, part) + "' does not begin with 'image_id class_id super_class_id path'");
  for (std::size_t r = 1; r < rows.size(); ++r) {
    const TextRow& row = rows[r];
    AnnotatedImage image{.file = row.fields[3], .class_id = row.integer(1, "class_id"), .part = part};
    check_inside(image.file, row.where());
    image.super_class = row.integer(2, "super_class_id") - 1;
    if (image.class_id < 1 || image.class_id > kMaxClass) row.refuse("class_id " + row.fields[1] + " is out of range");
    if (image.super_class < 0 || image.super_class >= kSuperClasses)
      row.refuse("super_class_id " + row.fields[2] + " is not 1 to 12");
    a.class_names[image.class_id] = class_name(image.class_id);
    if (const auto slash = image.file.find('/'); slash != std::string::npos)
      folders.insert(image.file.substr(0, slash));
    a.images.push_back(std::move(image));
  }
}

}  // namespace

bool is_products(const std::string& root) {
  return has_list(root, SplitPart::Train) || has_list(root, SplitPart::Test);
}

Annotations read_products(const std::string& root, SplitPart wanted) {
  Annotations a{.layout = kProducts.name, .source = root, .root = root, .known = &kProducts};
  std::set<std::string> folders;
  for (const SplitPart part : {SplitPart::Train, SplitPart::Test})
    if (wanted == SplitPart::All || wanted == part || has_list(root, part)) add_list(a, part, folders);
  check_listed_once(a);
  check_super_classes(a);
  // With one list alone, the other one's pictures would look like strays.
  const bool both = has_list(root, SplitPart::Train) && has_list(root, SplitPart::Test);
  PicturePlaces places(a);
  for (const std::string& folder : folders) {
    const std::string found = places.settle(folder + "/", {"Stanford_Online_Products/" + folder + "/"});
    if (both && !found.empty()) a.picture_folders.push_back(found.substr(0, found.size() - 1));
  }
  places.require_any();
  return a;
}

}  // namespace fledge
