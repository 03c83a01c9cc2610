#!/usr/bin/env bash
# The main job, end to end: a git branch becomes a deployed stage. `make demo` builds Offshoot and runs this.
#
# AWS is MiniStack, an emulator on this machine. Nothing leaves it, and all is stopped at the end.
#
# OFFSHOOT_BIN  the binary to show (default: target/release/offshoot)
# DEMO_ON_AWS=1 use the AWS account of your environment instead: the same commands, real stacks, real (small) cost;
#               the account must be bootstrapped (`cdk bootstrap`), and AWS_REGION must be set
# DEMO_KEEP=1   leave the repository (.run/demo) and the emulator for a look around
#
# A fresh Debian needs: apt-get install git curl nodejs npm python3-venv
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
demo=$root/.run/demo
notes=$root/examples/notes
bin=${OFFSHOOT_BIN:-${CARGO_TARGET_DIR:-$root/target}/release/offshoot}
started=$SECONDS
taken=/notes/owner

bold='' dim='' green='' red='' plain=''
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
  bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
fi

chapter=0
title() { chapter=$((chapter + 1)); printf '\n%s%d. %s%s\n' "$bold" "$chapter" "$1" "$plain"; }
tell() { printf '%s%s%s\n' "$dim" "$*" "$plain"; }
good() { printf '%s✓ %s%s\n' "$green" "$*" "$plain"; }
die() { printf '\n%sdemo: %s%s\n' "$red" "$*" "$plain" >&2; exit 1; }
# Prints the command as one would type it, then runs it.
run() { printf '%s$ %s%s\n' "$bold" "${*@Q}" "$plain" | sed -E "s/'([A-Za-z0-9_.\/:=+,-]+)'/\1/g"; "$@"; }

finish() {
  local code=$?
  trap - EXIT
  if [[ -z ${DEMO_KEEP:-} ]]; then
    [[ -n ${DEMO_ON_AWS:-} ]] || "$root/rigs/ministack.sh" stop || true
  else
    tell "kept: $demo, AWS_ENDPOINT_URL=${AWS_ENDPOINT_URL:-}; stop it with MINISTACK_RUN=$MINISTACK_RUN rigs/ministack.sh stop"
  fi
  if ((code == 0)); then
    printf '\n%sDone in %d s.%s\n' "$green" $((SECONDS - started)) "$plain"
  else
    printf '\n%sThe demo stopped after %d s with exit code %d.%s\n' "$red" $((SECONDS - started)) "$code" "$plain" >&2
  fi
  exit "$code"
}

prepare() {
  local tool
  for tool in git curl node npm python3; do
    command -v "$tool" >/dev/null || die "$tool is missing; on Debian: apt-get install git curl nodejs npm python3-venv"
  done
  [[ -x $bin ]] || die "$bin does not exist; run \`make build\` first, or set OFFSHOOT_BIN"
  rm -rf "$demo"
  mkdir -p "$demo/bin"
  ln -s "$(realpath "$bin")" "$demo/bin/offshoot"
  export PATH=$demo/bin:$PATH
  # Neither the caller's git settings nor the caller's CDK memory of accounts play a part.
  export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 CDK_HOME=$demo/cdk CDK_DISABLE_CLI_TELEMETRY=true
  export GIT_AUTHOR_NAME=Demo GIT_AUTHOR_EMAIL=demo@example.invalid GIT_COMMITTER_NAME=Demo GIT_COMMITTER_EMAIL=demo@example.invalid
  export XDG_CACHE_HOME=$root/.run/cache
  trap finish EXIT
  trap 'exit 130' INT TERM
}

start_aws() {
  export MINISTACK_RUN=$root/.run/ministack-demo
  if [[ -n ${DEMO_ON_AWS:-} ]]; then
    unset AWS_ENDPOINT_URL
    [[ -n ${AWS_REGION:-} ]] || die "AWS_REGION is not set"
    return
  fi
  "$root/rigs/ministack.sh" stop
  unset AWS_PROFILE AWS_SESSION_TOKEN AWS_DEFAULT_REGION AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE
  export AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
  AWS_ENDPOINT_URL=$("$root/rigs/ministack.sh" start)
  export AWS_ENDPOINT_URL
  tell "MiniStack plays AWS at $AWS_ENDPOINT_URL"
  if [[ ! -d $notes/node_modules ]]; then
    tell "installing the example's npm packages (once)"
    (cd "$notes" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
  fi
  # Run outside the app: inside it, the toolkit would synthesize the app first (8 s instead of 2 s).
  tell "\$ npx cdk bootstrap"
  (cd "$demo" && "$notes/node_modules/.bin/cdk" bootstrap "aws://000000000000/$AWS_REGION" --no-notices >"$demo/bootstrap.log" 2>&1) ||
    { cat "$demo/bootstrap.log"; die "the emulated account could not be bootstrapped"; }
}

make_repository() {
  git init --quiet --bare --initial-branch=main "$demo/notes.git"
  git clone --quiet "$demo/notes.git" "$demo/notes" 2>/dev/null
  tar -C "$notes" --exclude=./node_modules --exclude=./cdk.out --exclude=./.offshoot -cf - . | tar -C "$demo/notes" -xf -
  git -C "$demo/notes" checkout --quiet -B main
  commit "Notes: an HTTP API, a queue with a worker, a nightly digest" main
}

# commit MESSAGE BRANCH: everything in the work tree, pushed
commit() {
  git -C "$demo/notes" add --all
  git -C "$demo/notes" commit --quiet --message "$1"
  git -C "$demo/notes" push --quiet origin "$2"
  git -C "$demo/notes" --no-pager log --max-count=1 --format="%h %s"
}

# edit FILE FROM TO: replaces a text that must be there
edit() {
  node -e '
    const { readFileSync, writeFileSync } = require("node:fs");
    const [file, from, to] = process.argv.slice(1);
    const text = readFileSync(file, "utf8");
    if (!text.includes(from)) throw new Error(`${file} has no ${from}`);
    writeFileSync(file, text.replace(from, () => to));
  ' "$demo/notes/$1" "$2" "$3"
}

# output FILE KEY: one output of any stack, from deploy's --outputs-file
output() {
  node -e '
    const [file, key] = process.argv.slice(1);
    const found = Object.values(JSON.parse(require("node:fs").readFileSync(file, "utf8"))).find((stack) => key in stack);
    if (!found) throw new Error(`${file} has no output ${key}`);
    console.log(found[key]);
  ' "$1" "$2"
}

# call URL [curl arguments]: the answer, and the same in $answer
call() {
  local connect=()
  # The emulator's host names do not resolve everywhere; the Host header is what it looks at.
  [[ -z ${AWS_ENDPOINT_URL:-} ]] || connect=(--connect-to "::${AWS_ENDPOINT_URL#*://}")
  printf '%s$ curl %s%s\n' "$bold" "$*" "$plain"
  answer=$(curl --silent --show-error --fail-with-body --max-time 30 --retry 3 --retry-connrefused "${connect[@]}" "$@") ||
    die "the API answered: $answer"
  printf '%s\n' "$answer"
}

expect() { [[ $answer == *"$1"* ]] || die "expected the answer to contain: $1"; good "$2"; }

# exits CODE COMMAND…: the command must end with this exit code
exits() {
  local wanted=$1 code=0
  shift
  run "$@" || code=$?
  ((code == wanted)) || die "expected exit code $wanted, got $code"
  good "exit code $code"
}

put_parameter() {
  local url=${AWS_ENDPOINT_URL:-https://ssm.$AWS_REGION.amazonaws.com} token=()
  [[ -z ${AWS_SESSION_TOKEN:-} ]] || token=(--header "X-Amz-Security-Token: $AWS_SESSION_TOKEN")
  # The key goes in by standard input: arguments can be read by everyone on the machine.
  curl --silent --show-error --fail-with-body --max-time 30 --output "$demo/put-parameter.json" --config - \
    --aws-sigv4 "aws:amz:$AWS_REGION:ssm" "${token[@]}" --header "Content-Type: application/x-amz-json-1.1" \
    --header "X-Amz-Target: AmazonSSM.$1" --data "$2" "$url/" <<<"user = \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\""
}

printf '%sOffshoot: every git branch grows its own stage of your serverless app%s\n' "$bold" "$plain"
prepare
start_aws

title "A git repository with a CDK app in it"
make_repository
cd "$demo"
repo=notes.git
run cat notes/offshoot.yml

title "Branch main becomes the stage prod"
run offshoot deploy --repo "$repo" --branch main --outputs-file prod.json
url=$(output prod.json ApiUrl)
call "$url/hello"
expect "Hello from prod" "main runs on AWS"
call --header "Content-Type: application/json" --data '{"text":"remember the milk"}' "$url/notes"
expect "remember the milk" "a note is stored"

title "A commit changes code in src/lib"
edit src/lib/greeting.ts '`Hello from ${stage}`' '`Hello again from ${stage}, from a new commit`'
commit "Greet people who come back" main
exits 2 offshoot plan --repo "$repo" --branch main --detailed-exitcode --out change.json
tell "What was read is what runs: exactly this plan is deployed, or nothing if the stage has moved meanwhile."
run offshoot deploy --repo "$repo" --branch main --plan change.json --quiet --outputs-file prod.json
call "$url/hello"
expect "Hello again from prod, from a new commit" "the API answers with the code of the new commit"
call "$url/notes"
expect "remember the milk" "and the note is still there"

title "What is deployed is what is in git: nothing to do"
exits 0 offshoot plan --repo "$repo" --branch main --detailed-exitcode

title "A feature branch gets a stage of its own"
git -C notes checkout --quiet -b feature/cheer
edit src/lib/greeting.ts 'from a new commit' 'from a feature branch'
commit "Cheer" feature/cheer
run offshoot deploy --repo "$repo" --branch feature/cheer --quiet --outputs-file feature.json
call "$(output feature.json ApiUrl)/hello"
expect "from a feature branch" "the branch answers at its own URL"
call "$url/hello"
expect "Hello again from prod, from a new commit" "and prod is as it was"
git -C notes checkout --quiet main

title "A deployment that fails says why"
tell "Somebody already made the parameter $taken by hand; a commit now adds it to a stack."
put_parameter PutParameter "{\"Name\":\"$taken\",\"Type\":\"String\",\"Value\":\"somebody\"}"
edit lib/jobs-stack.ts 'import { Queue,' $'import { StringParameter } from "aws-cdk-lib/aws-ssm";\nimport { Queue,'
edit lib/jobs-stack.ts '    new CfnOutput(this, "QueueUrl"' \
  "    new StringParameter(this, \"Owner\", { parameterName: \"$taken\", stringValue: \"the notes team\" });

    new CfnOutput(this, \"QueueUrl\""
edit src/lib/greeting.ts 'from a new commit' 'from a commit that cannot be deployed'
commit "Say who owns the notes" main
exits 1 offshoot deploy --repo "$repo" --branch main
call "$url/hello"
expect "Hello again from prod" "prod still answers"

title "Recovery: revert the commit, deploy again"
run git -C notes revert --no-edit HEAD
git -C notes push --quiet origin main
run offshoot deploy --repo "$repo" --branch main
exits 0 offshoot plan --repo "$repo" --branch main --detailed-exitcode
call "$url/hello"
expect "Hello again from prod, from a new commit" "prod is what main says again"

title "Remove both stages"
run offshoot remove --repo "$repo" --branch feature/cheer --yes
run offshoot remove --repo "$repo" --branch main --yes
[[ -z ${DEMO_ON_AWS:-} ]] || put_parameter DeleteParameter "{\"Name\":\"$taken\"}"
good "gone; prod's table stays, because its stack says so (RemovalPolicy.RETAIN)"
