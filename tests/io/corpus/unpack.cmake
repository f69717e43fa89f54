# The attack corpus, a thousand small files in one, unpacked into the build folder: FLEDGE_CORPUS.
set(packed ${CMAKE_CURRENT_LIST_DIR}/files.tar.xz)
set(FLEDGE_CORPUS ${CMAKE_BINARY_DIR}/attack-corpus)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${packed})
if(${packed} IS_NEWER_THAN ${FLEDGE_CORPUS}/unpacked)
  file(REMOVE_RECURSE ${FLEDGE_CORPUS})
  file(ARCHIVE_EXTRACT INPUT ${packed} DESTINATION ${FLEDGE_CORPUS})
  file(TOUCH ${FLEDGE_CORPUS}/unpacked)
endif()
