#!/usr/bin/env bash
# Finds the program for action.yml: OFFSHOOT_BIN, else the runner's tool cache, else a release, which is then kept in
# the tool cache by its version. Writes its path to the step's output `bin`. Needs bash, curl, tar and sha256sum.
#
# OFFSHOOT_BIN                an executable to use as it is: an image with Offshoot in it, a test
# OFFSHOOT_INPUT_VERSION      the version; else the action's tag, else action/version
# OFFSHOOT_ACTION_REF         the tag or branch that `uses:` names
# OFFSHOOT_ACTION_REPOSITORY  owner/name of the action's repository, whose releases are taken
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scratch=
trap '[[ -z $scratch ]] || rm -rf "$scratch"' EXIT

# Values from outside stand on this line only, escaped: they can start no workflow command of their own.
die() {
  local text=$1
  text=${text//'%'/'%25'} text=${text//$'\r'/'%0D'} text=${text//$'\n'/'%0A'}
  printf '::error title=Offshoot is not there::%s\n' "$text" >&2
  exit 1
}

found() {
  printf 'bin=%s\n' "$1" >>"$GITHUB_OUTPUT"
  exit 0
}

version() {
  local given=${OFFSHOOT_INPUT_VERSION:-} ref=${OFFSHOOT_ACTION_REF:-}
  if [[ -z $given && $ref =~ ^v[0-9]+\.[0-9]+\.[0-9]+ ]]; then
    given=$ref
  elif [[ -z $given ]]; then
    given=$(<"$here/version")
  fi
  given=${given#v}
  [[ $given =~ ^[0-9]+\.[0-9]+\.[0-9]+([-+][0-9A-Za-z.-]+)?$ ]] ||
    die "\"$given\" is no version; write one such as 0.1.0 as the input \`version\`"
  printf '%s' "$given"
}

fetch() {
  local protocol='=https'
  # only a server of your own network is spoken to in the clear, and only because GITHUB_SERVER_URL says so
  [[ $1 != http://* ]] || protocol='=http,https'
  curl --fail --silent --show-error --location --proto "$protocol" --retry 4 --retry-connrefused \
    --connect-timeout 15 --max-time 300 --output "$2" "$1" 2>"$scratch/curl" ||
    die "$1 cannot be fetched: $(tail -n 1 "$scratch/curl"). Is there such a release? Name another one as the input \`version\`, or set OFFSHOOT_BIN to a program that is already here."
}

checksum() {
  if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}

if [[ -n ${OFFSHOOT_BIN:-} ]]; then
  [[ -f $OFFSHOOT_BIN && -x $OFFSHOOT_BIN ]] || die "OFFSHOOT_BIN is $OFFSHOOT_BIN, which is no program"
  found "$OFFSHOOT_BIN"
fi

system=$(uname -s)-$(uname -m)
case $system in
  Linux-x86_64) arch=x64 target=x86_64-unknown-linux-gnu ;;
  Linux-aarch64 | Linux-arm64) arch=arm64 target=aarch64-unknown-linux-gnu ;;
  *) die "there is no program for $system; use a Linux runner such as ubuntu-24.04" ;;
esac

version=$(version)
cache=${RUNNER_TOOL_CACHE:-${RUNNER_TEMP:?}}/offshoot/$version
# the mark is written last, as the runner's own tools do: a folder without it is half written
if [[ -f $cache/$arch.complete && -x $cache/$arch/offshoot ]]; then
  found "$cache/$arch/offshoot"
fi

repository=${OFFSHOOT_ACTION_REPOSITORY:-}
[[ $repository =~ ^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$ ]] ||
  die "it is not known which repository's releases to take (\"$repository\"): a local \`uses: ./\` needs OFFSHOOT_BIN"
release=${GITHUB_SERVER_URL:-https://github.com}/$repository/releases/download/v$version
archive=offshoot-$target.tar.gz
scratch=$(mktemp -d "${RUNNER_TEMP:-/tmp}/offshoot.XXXXXX")
fetch "$release/$archive" "$scratch/$archive"
fetch "$release/$archive.sha256" "$scratch/$archive.sha256"
wanted=$(cut -d ' ' -f 1 "$scratch/$archive.sha256")
[[ $(checksum "$scratch/$archive") == "$wanted" ]] || die "$archive is not what its checksum says; run the job again"
mkdir "$scratch/unpacked"
tar -xzf "$scratch/$archive" -C "$scratch/unpacked" offshoot || die "$archive holds no program offshoot"
chmod +x "$scratch/unpacked/offshoot"
mkdir -p "$cache/$arch"
# renamed into its place: a job beside this one finds a whole program or none
mv -f "$scratch/unpacked/offshoot" "$cache/$arch/offshoot.$$"
mv -f "$cache/$arch/offshoot.$$" "$cache/$arch/offshoot"
: >"$cache/$arch.complete"
found "$cache/$arch/offshoot"
