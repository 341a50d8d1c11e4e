#!/usr/bin/env bash
# Installs the Debian packages that are missing: install_packages.sh build|test|lint|fuzz.
# As root or through sudo; otherwise one line says what to install.
set -euo pipefail

packages=(g++ make cmake ninja-build ccache mold pkg-config python3 python3-pip unzip ca-certificates
  libyaml-cpp-dev libhdf5-dev libsentencepiece-dev libutf8proc-dev nlohmann-json3-dev libcli11-dev
  libspdlog-dev libssl-dev libcurl4-openssl-dev)
case "${1:-build}" in
  build) ;;
  test) packages+=(libgtest-dev libgmock-dev bubblewrap) ;;
  lint) packages+=(clang-format clang-tidy) ;;
  fuzz) packages+=(clang libclang-rt-dev) ;;
  *) echo "install_packages.sh: unknown set '$1': expected build, test, lint or fuzz" >&2; exit 64 ;;
esac

missing=()
for package in "${packages[@]}"; do
  if ! dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed'; then
    # A tool that stands on the PATH from elsewhere is as good as its package.
    case "$package" in
      g++|make|cmake|ccache|mold|python3|unzip|pkg-config|clang-format|clang-tidy)
        command -v "$package" >/dev/null && continue ;;
      ninja-build) command -v ninja >/dev/null && continue ;;
      python3-pip) python3 -m pip --version >/dev/null 2>&1 && continue ;;
    esac
    missing+=("$package")
  fi
done
[ "${#missing[@]}" -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
  echo "retort: missing packages (Debian names): ${missing[*]} - install them and run the command again" >&2
  exit 69
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
    as_root=(sudo)
  else
    echo "retort: missing packages, and neither root nor sudo - run as root: apt-get install ${missing[*]}" >&2
    exit 69
  fi
fi
echo "installing: ${missing[*]}"
log=$(mktemp)
export DEBIAN_FRONTEND=noninteractive
if ! { "${as_root[@]}" apt-get update -qq &&
       "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  tail -5 "$log" >&2
  echo "retort: apt-get could not install ${missing[*]} - see the lines above" >&2
  exit 69
fi
rm -f "$log"
