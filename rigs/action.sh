#!/usr/bin/env bash
# The Action on this machine: `rigs/action.sh install|lint|run`.
#
# install  linters, schemas and `act` into .run/action-venv, pinned by rigs/action-requirements.txt
# lint     action.yml, its script and the example workflows: actionlint, zizmor, schemas, ShellCheck
# run EVENT WORKFLOW PAYLOAD [OPTION…]
#          runs examples/workflows/WORKFLOW as it is, by act and without containers: the steps run right here.
#          EVENT is such as pull_request, PAYLOAD a file with its JSON, OPTION whatever act understands (--json)
#
# For `run`:
# OFFSHOOT_BIN       the program that the action finds (required)
# GITHUB_TOKEN       what `github.token` is (default: a made-up one)
# ACT_REPOSITORY     owner/name of the repository that the event is about (default acme/notes)
# ACT_RUN            folder for act's files (default .run/act), one run at a time
# GITHUB_API_URL, GITHUB_SERVER_URL, AWS_*, OFFSHOOT_* and CDK_* reach the steps; nothing else of the environment does
#
# A fresh Debian needs: apt-get install python3 python3-venv git
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.run/action-venv
requirements=$root/rigs/action-requirements.txt
examples=("$root"/examples/workflows/*.yml)
# what the examples name, and people replace
placeholder=your-org/offshoot@v0

say() { printf '%s\n' "$*" >&2; }
die() { say "action: $*"; exit 1; }

install() {
  [[ -f $venv/.done ]] && cmp -s "$venv/.done" "$requirements" && return
  command -v python3 >/dev/null || die "python3 is missing; apt-get install python3 python3-venv"
  say "installing linters and act into .run/action-venv (once)"
  mkdir -p "$root/.run"
  python3 -m venv --clear "$venv" || die "python3 -m venv does not work here; apt-get install python3-venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --requirement "$requirements" ||
    die "pip could not install $requirements"
  cp "$requirements" "$venv/.done"
}

lint() {
  install
  local bin=$venv/bin copy=$root/.run/action-lint version example
  version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)
  [[ $(<"$root/action/version") == "$version" ]] || die "action/version is not $version, the version of Cargo.toml"
  "$bin/check-jsonschema" --builtin-schema vendor.github-actions "$root/action.yml"
  "$bin/check-jsonschema" --builtin-schema vendor.github-workflows "${examples[@]}"
  "$bin/zizmor" --offline --no-progress --persona pedantic --config "$root/rigs/zizmor.yml" "$root/action.yml" "${examples[@]}"
  # actionlint knows the inputs and outputs of an action only where it is in the same repository
  rm -rf "$copy"
  mkdir -p "$copy/.github/workflows"
  cp -r "$root/action.yml" "$root/action" "$copy"
  for example in "${examples[@]}"; do
    grep -q "uses: $placeholder\$" "$example" || die "$example does not use $placeholder"
    sed "s|uses: $placeholder\$|uses: ./|" "$example" >"$copy/.github/workflows/$(basename "$example")"
  done
  git init --quiet "$copy"
  (cd "$copy" && "$bin/actionlint" -shellcheck "$bin/shellcheck")
  "$bin/shellcheck" "$root/action/install.sh" "$root"/rigs/*.sh
  say "the Action and ${#examples[@]} example workflows are in order"
}

run() {
  (($# >= 3)) || die "usage: rigs/action.sh run EVENT WORKFLOW PAYLOAD [OPTION…]"
  local event=$1 workflow=$root/examples/workflows/$2 payload name place run=${ACT_RUN:-$root/.run/act}
  local repository=${ACT_REPOSITORY:-acme/notes} options=()
  payload=$(realpath "$3")
  shift 3
  [[ -x ${OFFSHOOT_BIN:-} ]] || die "OFFSHOOT_BIN is not set, or is no program"
  install
  rm -rf "$run"
  mkdir -p "$run/action" "$run/repository/.github/workflows" "$run/home" "$run/cache"
  cp -r "$root/action.yml" "$root/action" "$run/action"
  cp "$workflow" "$run/repository/.github/workflows/"
  # act reads from git which repository it is in; the files of the app are fetched by Offshoot itself
  place=$run/repository
  export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
  git -C "$place" init --quiet --initial-branch=main
  git -C "$place" remote add origin "https://github.com/$repository.git"
  git -C "$place" add --all
  git -C "$place" -c user.name=Rig -c user.email=rig@example.invalid commit --quiet --message "The workflow"
  for name in $(compgen -e); do
    case $name in
      # where the program keeps its own memory is the step's, not the caller's
      GITHUB_API_URL | GITHUB_SERVER_URL | AWS_* | OFFSHOOT_* | CDK_*) options+=(--env "$name=${!name}") ;;
    esac
  done
  cd "$place"
  env -i PATH="$PATH" HOME="$run/home" LANG=C.UTF-8 XDG_CACHE_HOME="$run/cache" GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 \
    "$venv/bin/act" "$event" --workflows ".github/workflows/$(basename "$workflow")" --eventpath "$payload" \
    --platform ubuntu-24.04=-self-hosted --action-offline-mode --no-cache-server \
    --local-repository "$placeholder=$run/action" --secret "GITHUB_TOKEN=${GITHUB_TOKEN:-made-up}" \
    "${options[@]}" "$@"
}

case ${1:-} in
  install | lint) "$1" ;;
  run) run "${@:2}" ;;
  *) say "usage: rigs/action.sh install|lint|run EVENT WORKFLOW PAYLOAD [OPTION…]"; exit 64 ;;
esac
