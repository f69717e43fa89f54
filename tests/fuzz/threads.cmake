# What runs in several threads without OpenMP (loader, contents, packs, verification, the guard of
# mapped files, signals), for the thread sanitizer. The kernels' parallel loops need an instrumented
# OpenMP runtime: scripts/sanitize.sh threads all.
add_executable(test_threads EXCLUDE_FROM_ALL ${ROOT}/apps/cli/signals.cpp ${ROOT}/apps/cli/signal_thread.cpp ${ROOT}/apps/cli/shown_streams.cpp
               ${ROOT}/tests/apps/runs/signals_test.cpp ${ROOT}/tests/data/batches_test.cpp ${ROOT}/tests/data/identity/content_test.cpp
               ${ROOT}/tests/data/pack/pack_test.cpp ${ROOT}/tests/data/verify/verify_layout_test.cpp ${ROOT}/tests/io/shrink_test.cpp
               ${ROOT}/tests/support/main.cpp)
target_link_libraries(test_threads PRIVATE checked_data Catch2::Catch2)
