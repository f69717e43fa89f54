# The readers of pictures and of data sets, for what attacks them and for what looks for races.
find_package(JPEG REQUIRED)
find_package(PNG REQUIRED)
find_package(Threads REQUIRED)
find_library(WEBP_LIBRARY webp REQUIRED)
include(${ROOT}/scripts/matio.cmake)
find_library(UTF8PROC_LIBRARY utf8proc REQUIRED)
find_library(XXHASH_LIBRARY xxhash REQUIRED)

file(GLOB PICTURES CONFIGURE_DEPENDS ${ROOT}/io/image/*.cpp ${ROOT}/io/image/resize/*.cpp)
add_library(checked_pictures STATIC EXCLUDE_FROM_ALL ${PICTURES})
fledge_unity(checked_pictures ${PICTURES})
target_link_libraries(checked_pictures PUBLIC checked_io JPEG::JPEG PNG::PNG ${WEBP_LIBRARY})

file(GLOB DATA CONFIGURE_DEPENDS ${ROOT}/data/*.cpp ${ROOT}/data/*/*.cpp ${ROOT}/data/datasets/annotation_files/*.cpp)
add_library(checked_data STATIC EXCLUDE_FROM_ALL ${DATA} ${ROOT}/tensor/random.cpp)
fledge_unity(checked_data ${DATA})
target_link_libraries(checked_data PUBLIC checked_pictures Threads::Threads ${CMAKE_DL_LIBS} ${UTF8PROC_LIBRARY} ${XXHASH_LIBRARY})
target_compile_definitions(checked_data PRIVATE FLEDGE_MATIO="${MATIO_FILE}")
