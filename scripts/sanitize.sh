#!/usr/bin/env bash
# Builds with sanitizers (AddressSanitizer and UndefinedBehaviorSanitizer, or ThreadSanitizer) and runs the tests.
#
# usage: scripts/sanitize.sh [TEST...]          the readers of io alone: attack corpus, cut and bit-flipped files,
#                                               fixtures, safetensors. Takes a minute or two, as it is built without
#                                               oneDNN and the fast kernels (tests/fuzz/CMakeLists.txt)
#        scripts/sanitize.sh all [PROGRAM...]   everything of ours, oneDNN stays a library
#                                               PROGRAM: kernels tensor autograd nn io data apps (default: all)
#        scripts/sanitize.sh threads [TEST...]  what runs in several threads without OpenMP, under ThreadSanitizer:
#                                               loader, contents, packs, signals
#        scripts/sanitize.sh threads all        the whole program under it, kernels too, verb by verb on small pictures:
#                                               clang with its OpenMP runtime, whose waits it understands
# TEST: Catch2 names or tags; with `all` FLEDGE_SANITIZE_TESTS says which, e.g. '[image],[bounds]'. CXX picks the
# compiler (default g++). Files go to build-sanitize, build-sanitize-all, build-threads and build-threads-all.
set -euo pipefail
cd "$(dirname "$0")/.."
export UBSAN_OPTIONS=print_stacktrace=1 ASAN_OPTIONS=detect_stack_use_after_return=1:allocator_may_return_null=0
configure() {  # build folder, then cmake's arguments
  local build=$1; shift
  mkdir -p "$build"
  cmake -B "$build" -G Ninja -DCMAKE_CXX_COMPILER="${CXX:-g++}" "$@" >"$build/configure.log" 2>&1 || { tail -30 "$build/configure.log" >&2; exit 1; }
}
if [ "${1:-}" = threads ] && [ "${2:-}" != all ]; then
  shift
  configure build-threads -S tests/fuzz -DFLEDGE_SANITIZERS=thread
  cmake --build build-threads --target test_threads | tail -1
  exec env TSAN_OPTIONS=halt_on_error=0:second_deadlock_stack=1 build-threads/test_threads "$@"
fi
if [ $# = 0 ] || { [ "$1" != all ] && [ "$1" != threads ]; }; then
  configure build-sanitize -S tests/fuzz
  cmake --build build-sanitize --target test_hostile | tail -1
  exec build-sanitize/test_hostile "$@"
fi
build=build-sanitize-all sanitizers=address,undefined
if [ "$1" = threads ]; then
  build=build-threads-all sanitizers=thread CXX=${CXX:-clang++}
  # Archer tells the sanitizer of OpenMP's barriers. oneDNN is not instrumented; its calls of
  # g++'s OpenMP runtime are answered by clang's.
  archer=$("$CXX" -print-resource-dir 2>/dev/null || true)/../../libarcher.so
  [ -e "$archer" ] || { echo "sanitize: left out: no clang with libarcher (Debian: clang libomp-dev)"; exit 0; }
  export OMP_TOOL_LIBRARIES=$archer TSAN_OPTIONS=ignore_noninstrumented_modules=1:exitcode=66
fi
[ -d build/deps/onednn ] && deps=(-DCMAKE_PREFIX_PATH="$PWD/build/deps/onednn") || deps=()
configure $build -S . -DFLEDGE_SANITIZE=$sanitizers -DFLEDGE_CUDA=OFF -DCMAKE_BUILD_TYPE=RelWithDebInfo \
  -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O1 -g1" "${deps[@]}"
failed=0
if [ $sanitizers = thread ]; then
  cmake --build $build --target fledge | tail -1
  folder=$(mktemp -d) fledge=$PWD/$build/apps/fledge pictures=$PWD/tests/data/layouts/list/list.csv
  trap 'rm -rf "$folder"' EXIT
  cd "$folder"
  run() {  # one command; what the sanitizer found ends with 66
    local code=0
    ${before:-} "$fledge" "$@" --threads 2 >out.txt 2>err.txt || code=$?
    echo "fledge $1 ${2:0:20}: $code"
    [ $code = "${expected:-0}" ] || { failed=1; grep -A30 -m3 'WARNING: ThreadSanitizer' err.txt || tail -5 err.txt; }
  }
  tiny=(--train "$pictures:train" --test "$pictures:test" --stem small --embedding 16 --size 28 --test-resize-short 32 --batch-size 6
        --images-per-class 2 --batches-per-epoch 3 --epochs 2 --workers 2 --device cpu)
  run train "${tiny[@]}" --arch resnet18 --width 0.125 --eval-every 1 --run teacher
  run train "${tiny[@]}" --arch mobilenet_v1 --width 0.25 --deterministic strict --save-every 1 --run strict
  run distill "${tiny[@]}" --arch mobilenet_v1 --width 0.25 --teacher teacher --distill relative=0.5,absolute=1 --teacher-cache cache --run student
  run distill "${tiny[@]}" --arch resnet18 --width 0.125 --teacher teacher --distill hints=1,attention=1 --run hints
  run embed --model student --data "$pictures" --output index --workers 2
  run eval --model student --data "$pictures" --all --clusters --bootstrap 100
  run search --index index --model student --data "$pictures"
  run report teacher student --output page.html
  before='timeout --preserve-status -s TERM 5' expected=143 run train "${tiny[@]}" --arch resnet18 --width 0.125 --epochs 500 --run stopped
  exit $failed
fi
shift
programs=("$@"); [ ${#programs[@]} -gt 0 ] || programs=(tensor io data kernels autograd nn apps)
for program in "${programs[@]}"; do  # one after the other: the first ones are ready early
  cmake --build $build --target "test_$program" | tail -1
  echo "== test_$program under sanitizers ($sanitizers)"
  # oneDNN keeps what it made until the end, OpenMP its threads: leaks are looked for where neither is used.
  leaks=0; [[ $program =~ ^(io|data)$ ]] && leaks=1
  ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=$leaks "$build/tests/test_$program" ${FLEDGE_SANITIZE_TESTS:+"$FLEDGE_SANITIZE_TESTS"} || failed=1
done
exit $failed
