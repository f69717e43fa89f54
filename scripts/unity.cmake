# How folders of sources become one file to the compiler; for the project and for tests/fuzz.
option(FLEDGE_UNITY
       "compile each folder as one file: less than half the time from nothing, but the whole folder again at each edit" OFF)
cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH FLEDGE_ROOT)

# A folder goes with those in it (nn/losses with its pairs, classes and teacher); tests, which are more, by folder. A
# name in an unnamed namespace is unique there, but in folders whose files are the rows of a list: these define the same
# few names and are compiled one by one. So is the file that takes the place of `new`, which is not to be inlined.
set(FLEDGE_APART kernels/cpu/conv nn/models apps/cli/memory.cpp)
function(fledge_unity target)
  if(NOT FLEDGE_UNITY)
    return()
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  foreach(source ${ARGN})
    cmake_path(ABSOLUTE_PATH source)
    cmake_path(GET source PARENT_PATH folder)
    cmake_path(RELATIVE_PATH folder BASE_DIRECTORY ${FLEDGE_ROOT})
    cmake_path(RELATIVE_PATH source BASE_DIRECTORY ${FLEDGE_ROOT} OUTPUT_VARIABLE file)
    if(NOT folder IN_LIST FLEDGE_APART AND NOT file IN_LIST FLEDGE_APART)
      string(REGEX REPLACE "^([^/]+/[^/]+)/.*" "\\1" room ${folder})
      if(folder MATCHES "^tests/")
        set(room ${folder})
      endif()
      string(MAKE_C_IDENTIFIER ${room} group)
      set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${group})
    endif()
  endforeach()
endfunction()
