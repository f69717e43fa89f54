#!/usr/bin/env bash
# Installs what fledge needs to build and run, in one list: Debian packages, and from wheels pinned by hash oneDNN and,
# where a CUDA toolkit is, the headers of cudnn-frontend.
#
# usage: scripts/dependencies.sh [BUILD_FOLDER [PACKAGE...]]      (default: build; what the wheels hold goes to
# BUILD_FOLDER/deps; PACKAGE: Debian packages to install besides)
# Works as root or with sudo; what is already there is left alone, so a second call costs a moment and needs no network.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build}; shift || true

packages=(
  g++ cmake ninja-build python3-pip                 # build (Python only fetches wheels; nothing needs it at run time)
  libjpeg62-turbo-dev libpng-dev libwebp-dev libstb-dev zlib1g-dev   # pictures
  libmatio-dev                                      # MATLAB files with the annotations of Cars-196
  libutf8proc-dev                                   # class names that look alike (Unicode)
  libcli11-dev libtomlplusplus-dev nlohmann-json3-dev libfmt-dev libxxhash-dev   # command line, TOML, JSON, text, checksums
  libdeflate-dev libssl-dev                         # weight files: zip members, SHA-256
  catch2 libbenchmark-dev                           # tests, benchmarks
  dataset-fashion-mnist                             # real pictures for the quickstart and the tests
  "$@"
)

missing=()
for p in "${packages[@]}"; do
  dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null | grep -qx installed || missing+=("$p")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "dependencies: installing ${missing[*]}"
  sudo=""
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "dependencies: not root and no sudo; install these packages first: ${missing[*]}" >&2; exit 4; }
    sudo=sudo
  fi
  export DEBIAN_FRONTEND=noninteractive
  $sudo apt-get update -qq
  $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# oneDNN 3.2, CPU with the OpenMP runtime of g++. The wheels hold three copies
# of the library: keep one, link the others.
prefix=$build/deps/onednn
if [ ! -e "$prefix/include/dnnl.hpp" ]; then
  echo "dependencies: fetching oneDNN 3.2 into $prefix"
  work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
  cat >"$work/requirements.txt" <<'R'
onednn-cpu-gomp==2023.2.0 --hash=sha256:2f22a54d6a890ed14bfa185d42a4be65d8b5b1df85dc1f0f3a9abe31620416fb
onednn-devel-cpu-gomp==2023.2.0 --hash=sha256:9763c69e8c907e119056bd52ad918ca84ac9ba939d130a99dfa95ccca3e5e284
R
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes -r "$work/requirements.txt" -d "$work/wheels"
  for wheel in "$work"/wheels/*.whl; do python3 -m zipfile -e "$wheel" "$work/unpacked"; done
  mkdir -p "$work/prefix"
  cp -r "$work"/unpacked/*.data/data/* "$work/prefix/"
  ln -sf libdnnl.so.3.2 "$work/prefix/lib/libdnnl.so.3"
  ln -sf libdnnl.so.3 "$work/prefix/lib/libdnnl.so"
  mkdir -p "$(dirname "$prefix")"
  rm -rf "$prefix"
  cp -a "$work/prefix" "$prefix"
fi

# cudnn-frontend 1.32, headers only: for the GPU module. One wheel serves every Python and machine.
prefix=$build/deps/cudnn_frontend
if { command -v nvcc >/dev/null || [ -x /usr/local/cuda/bin/nvcc ]; } && [ ! -e "$prefix/include/cudnn_frontend.h" ]; then
  echo "dependencies: fetching the headers of cudnn-frontend 1.32 into $prefix"
  frontend=$(mktemp -d); trap 'rm -rf "${work:-}" "$frontend"' EXIT
  cat >"$frontend/requirements.txt" <<'R'
nvidia-cudnn-frontend==1.32.0 --hash=sha256:c6006556017a4d1c914c52a556c71b1267f2d6a0500f742e7b4edef539878df0
R
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes -r "$frontend/requirements.txt" \
    --only-binary=:all: --python-version 3.11 --implementation cp --abi cp311 --platform manylinux_2_28_x86_64 -d "$frontend/wheels"
  python3 -m zipfile -e "$frontend"/wheels/*.whl "$frontend/unpacked"
  rm -rf "$prefix"
  mkdir -p "$prefix"
  cp -r "$frontend/unpacked/include" "$prefix/"  # the name matters: a header there includes ../include/
fi
echo "dependencies: all there"
