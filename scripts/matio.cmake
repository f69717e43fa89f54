# libmatio, for annotations of Cars-196: MATIO_FILE is the name it is loaded by, with the version that was compiled for
# (data/datasets/annotation_files/matio_library.h).
find_library(MATIO_LIBRARY matio REQUIRED)
get_filename_component(MATIO_FILE "${MATIO_LIBRARY}" REALPATH)
string(REGEX MATCH "libmatio[^/]*\\.so\\.[0-9]+" MATIO_FILE "${MATIO_FILE}")
if(NOT MATIO_FILE)
  message(FATAL_ERROR "'${MATIO_LIBRARY}' is no shared library of libmatio: install libmatio-dev")
endif()
