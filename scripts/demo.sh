#!/usr/bin/env bash
# The main job, end to end: a git branch becomes a deployed stage, from a shell and with pull requests.
# `make demo` builds what is needed and runs this.
#
# AWS is MiniStack, an emulator on this machine; GitHub is the fake that the tests use, with real git over HTTP.
# Nothing leaves the machine, and all is stopped at the end.
#
# OFFSHOOT_BIN  the binary to show (default: target/release/offshoot)
# FORGE_BIN     the fake GitHub (default: target/release/examples/forge)
# DEMO_PARTS    `shell` or `pulls` for one of the two parts (default: both)
# DEMO_ON_AWS=1 use the AWS account of your environment instead: the same commands, real stacks, real (small) cost;
#               the account must be bootstrapped (`cdk bootstrap`), and AWS_REGION must be set
# DEMO_KEEP=1   leave the repositories (.run/demo) and the emulator for a look around
#
# A fresh Debian needs: apt-get install git curl nodejs npm python3-venv
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
demo=$root/.run/demo
notes=$root/examples/notes
built=${CARGO_TARGET_DIR:-$root/target}/release
bin=${OFFSHOOT_BIN:-$built/offshoot}
forge_bin=${FORGE_BIN:-$built/examples/forge}
started=$SECONDS

source "$root/scripts/demo/common.sh"
source "$root/scripts/demo/cli.sh"
source "$root/scripts/demo/pulls.sh"

printf '%sOffshoot: every git branch grows its own stage of your serverless app%s\n' "$bold" "$plain"
prepare
start_aws
for part in ${DEMO_PARTS:-shell pulls}; do
  case $part in
    shell) command_line ;;
    pulls) pull_requests ;;
    *) die "there is no part $part; there are: shell, pulls" ;;
  esac
done
