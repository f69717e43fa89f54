# Fuzzers of pictures, of data sets' files and of a run's files. What they need besides the readers of weights.
foreach(format Jpeg Png Bmp WebP)
  string(TOLOWER ${format} target)
  add_executable(fuzz_${target} fuzz_picture.cpp input.cpp)
  target_compile_definitions(fuzz_${target} PRIVATE FLEDGE_PICTURE=${format})
  target_link_libraries(fuzz_${target} PRIVATE checked_pictures)
endforeach()

foreach(target mat pack csv)
  add_executable(fuzz_${target} fuzz_${target}.cpp input.cpp)
  target_link_libraries(fuzz_${target} PRIVATE checked_data)
endforeach()

add_library(checked_apps STATIC ${ROOT}/apps/cli/config.cpp ${ROOT}/apps/cli/toml_bounds.cpp ${ROOT}/apps/cli/verb.cpp ${ROOT}/train/spec/field.cpp
            ${ROOT}/train/run/run_state.cpp ${ROOT}/train/run/manifest.cpp)
target_compile_definitions(checked_apps PRIVATE FLEDGE_PRESET_FOLDER="${ROOT}/apps/presets")
target_link_libraries(checked_apps PUBLIC checked_io)
foreach(target toml state manifest)
  add_executable(fuzz_${target} fuzz_${target}.cpp input.cpp)
  target_link_libraries(fuzz_${target} PRIVATE checked_apps)
endforeach()

foreach(target npy table)
  add_executable(fuzz_${target} fuzz_${target}.cpp input.cpp)
  target_link_libraries(fuzz_${target} PRIVATE checked_io)
endforeach()

foreach(target jpeg png bmp webp mat pack csv toml state manifest npy table)
  target_link_options(fuzz_${target} PRIVATE -fsanitize=fuzzer)
endforeach()
