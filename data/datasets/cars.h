// Cars-196 (Krause et al. 2013) in the three forms that it is handed around in.
#pragma once
#include "data/datasets/annotated.h"

namespace fledge {

/// A: car_ims/ and cars_annos.mat. B: cars_train/, cars_test/ and devkit/*.mat. C (Kaggle, by class): names.csv,
/// anno_train.csv, anno_test.csv and car_data/car_data/{train,test}/CLASS/.
enum class CarsLayout { None, A, B, C };
CarsLayout find_cars(const std::string& root);

/// All pictures of both folders, split by class: train = ids 1-98, test = 99-196, whatever the form. Class names are
/// "001.AM General Hummer SUV 2000", with "-" for "/", as in the folders of form C: the number keeps sorted names in
/// the order of the ids, which the plain names are not in. Errors (BadInput) name the file and the entry or line.
Annotations read_cars(const std::string& root, CarsLayout layout);

}  // namespace fledge
