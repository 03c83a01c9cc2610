# What the chapters of the demo share; read by scripts/demo.sh.
# shellcheck shell=bash disable=SC2034

bold='' dim='' green='' red='' plain=''
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
  bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
fi

chapter=0
part() { printf '\n%s── %s ──%s\n' "$bold" "$1" "$plain"; }
title() { chapter=$((chapter + 1)); printf '\n%s%d. %s%s\n' "$bold" "$chapter" "$1" "$plain"; }
tell() { printf '%s%s%s\n' "$dim" "$*" "$plain"; }
good() { printf '%s✓ %s%s\n' "$green" "$*" "$plain"; }
die() { printf '\n%sdemo: %s%s\n' "$red" "$*" "$plain" >&2; exit 1; }
# Prints the command as one would type it, then runs it.
run() { printf '%s$ %s%s\n' "$bold" "${*@Q}" "$plain" | sed -E "s/'([A-Za-z0-9_.\/:=+,-]+)'/\1/g"; "$@"; }

finish() {
  local code=$?
  trap - EXIT
  [[ -z ${forge_pid:-} ]] || kill "$forge_pid" 2>/dev/null || true
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
  for tool in "$bin" "$forge_bin"; do
    [[ -x $tool ]] || die "$tool does not exist; run \`make demo\`, which builds it, or set OFFSHOOT_BIN and FORGE_BIN"
  done
  rm -rf "$demo"
  mkdir -p "$demo/bin"
  ln -s "$(realpath "$bin")" "$demo/bin/offshoot"
  export PATH=$demo/bin:$PATH
  # Neither the caller's git settings nor the caller's CDK memory of accounts play a part.
  export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 CDK_HOME=$demo/cdk CDK_DISABLE_CLI_TELEMETRY=true
  export GIT_AUTHOR_NAME=Demo GIT_AUTHOR_EMAIL=demo@example.invalid GIT_COMMITTER_NAME=Demo GIT_COMMITTER_EMAIL=demo@example.invalid
  export XDG_CACHE_HOME=$root/.run/cache NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost
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

# work_tree FOLDER ADDRESS: a clone of the (empty) repository, in it the example app; from now on $work
work_tree() {
  work=$1
  git clone --quiet "$2" "$work" 2>/dev/null
  tar -C "$notes" --exclude=./node_modules --exclude=./cdk.out --exclude=./.offshoot -cf - . | tar -C "$work" -xf -
  git -C "$work" checkout --quiet -B main
}

# commit MESSAGE BRANCH: everything in the work tree, pushed
commit() {
  git -C "$work" add --all
  git -C "$work" commit --quiet --message "$1"
  printf '%s$ git push origin %s%s\n' "$bold" "$2" "$plain"
  git -C "$work" push --quiet origin "$2"
  git -C "$work" --no-pager log --max-count=1 --format="%h %s"
}

# edit FILE FROM TO: replaces a text that must be there
edit() {
  node -e '
    const { readFileSync, writeFileSync } = require("node:fs");
    const [file, from, to] = process.argv.slice(1);
    const text = readFileSync(file, "utf8");
    if (!text.includes(from)) throw new Error(`${file} has no ${from}`);
    writeFileSync(file, text.replace(from, () => to));
  ' "$work/$1" "$2" "$3"
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

expect() { [[ $answer == *"$1"* ]] || die "expected to read: $1; it reads: $answer"; good "$2"; }
reject() { [[ $answer != *"$1"* ]] || die "did not expect to read: $1"; good "$2"; }

# exits CODE COMMAND…: the command must end with this exit code
exits() {
  local wanted=$1 code=0
  shift
  run "$@" || code=$?
  ((code == wanted)) || die "expected exit code $wanted, got $code"
  good "exit code $code"
}

# aws_call SERVICE [curl arguments]: one signed request, for what people would do with other tools
aws_call() {
  local service=$1 url=${AWS_ENDPOINT_URL:-https://$1.$AWS_REGION.amazonaws.com} token=()
  shift
  [[ -z ${AWS_SESSION_TOKEN:-} ]] || token=(--header "X-Amz-Security-Token: $AWS_SESSION_TOKEN")
  # The key goes in by standard input: arguments can be read by everyone on the machine.
  curl --silent --show-error --fail-with-body --max-time 30 --config - --aws-sigv4 "aws:amz:$AWS_REGION:$service" "${token[@]}" "$@" "$url/" \
    <<<"user = \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\""
}
