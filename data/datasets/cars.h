// Cars-196 (Krause et al. 2013) in the three forms that it is handed around in.
#pragma once
#include "data/datasets/annotated.h"

namespace fledge {

/// A: car_ims/ and cars_annos.mat. B: cars_train/, cars_test/ and devkit/*.mat. C (Kaggle, by class): names.csv,
/// anno_train.csv, anno_test.csv and car_data/car_data/{train,test}/CLASS/. Ordered: the folders of B, of whose
/// annotations only A's cars_annos.mat is there. Which one a folder has is told from pictures and annotations together;
/// folders may be doubled (cars_train/cars_train).
enum class CarsLayout { None, A, B, C, Ordered };
CarsLayout find_cars(const std::string& root);

/// All pictures of both folders, split by class: train = ids 1-98, test = 99-196, whatever the form. Class names are
/// "001.AM General Hummer SUV 2000", with "-" for "/", as in the folders of form C: the number keeps sorted names in
/// the order of the ids, which the plain names are not in. Errors (BadInput) name the file and the entry or line.
/// Ordered: the n-th picture of cars_annos.mat outside (inside) the official test part is taken for the n-th of
/// cars_train (cars_test), if the numbers of pictures agree and boxes lie inside their pictures; the original folders
/// are numbered otherwise, and are refused by that.
Annotations read_cars(const std::string& root, CarsLayout layout);

}  // namespace fledge
