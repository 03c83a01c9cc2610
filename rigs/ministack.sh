#!/usr/bin/env bash
# MiniStack, a stand-in for AWS on this machine: `rigs/ministack.sh start|stop|status|install`.
#
# start    installs it when needed, starts it on a free port of 127.0.0.1, waits until it is healthy,
#          prints the endpoint (the only line on standard output)
# stop     stops the one that `start` started
# status   prints the endpoint when one is running, else exits 1
# install  only installs
#
# MINISTACK_RUN  folder for its pid, log and temporary files (default .run/ministack): one emulator per folder
# MINISTACK_PORT a fixed port instead of a free one
#
# A fresh Debian needs: apt-get install python3 python3-venv curl nodejs
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv-aws
run=${MINISTACK_RUN:-$root/.run/ministack}

# In one command: ministack pins botocore exactly, and a later install of another package would move it.
packages=(ministack==1.5.33 aws-sam-translator==1.115.0 cryptography==50.0.2)

say() { printf '%s\n' "$*" >&2; }
die() { say "ministack: $*"; exit 1; }

install_venv() {
  [[ -f $venv/.packages && $(<"$venv/.packages") == "${packages[*]}" ]] && return
  command -v python3 >/dev/null || die "python3 is missing; apt-get install python3 python3-venv"
  say "installing ${packages[0]} into .venv-aws (once, about half a minute)"
  mkdir -p "$run"
  python3 -m venv --clear "$venv" >"$run/install.log" 2>&1 ||
    die "python3 -m venv does not work here; apt-get install python3-venv (log: $run/install.log)"
  if ! "$venv/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}" >>"$run/install.log" 2>&1; then
    tail -n 20 "$run/install.log" >&2
    die "pip could not install ${packages[*]}"
  fi
  printf '%s' "${packages[*]}" >"$venv/.packages"
}

# The process of our pid file, and surely ours: a number may have been given to another program since.
running_pid() {
  local pid
  [[ -f $run/pid ]] || return 1
  pid=$(<"$run/pid")
  [[ $pid =~ ^[0-9]+$ ]] && kill -0 "$pid" 2>/dev/null || return 1
  [[ ! -r /proc/$pid/cmdline ]] || tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q ministack || return 1
  printf '%s' "$pid"
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

healthy() { curl --silent --fail --max-time 2 --output /dev/null "$1/_ministack/health"; }

start() {
  install_venv
  if running_pid >/dev/null; then
    cat "$run/endpoint"
    return
  fi
  command -v curl >/dev/null || die "curl is missing; apt-get install curl"
  mkdir -p "$run/tmp"
  local port attempt endpoint pid
  # A free port may be taken between asking and binding: try a few.
  for attempt in 1 2 3; do
    port=${MINISTACK_PORT:-$(free_port)}
    endpoint=http://127.0.0.1:$port
    # Nothing of the caller's own AWS setup reaches the emulator; a session of its own outlives Ctrl-C of the caller's terminal until `stop`.
    env -u AWS_ENDPOINT_URL -u AWS_PROFILE -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY -u AWS_SESSION_TOKEN \
      TMPDIR="$run/tmp" BIND_HOST=127.0.0.1 GATEWAY_PORT="$port" MINISTACK_REGION="${AWS_REGION:-us-east-1}" \
      IOT_MTLS_ENABLED=0 SFTP_ENABLED=0 \
      setsid "$venv/bin/ministack" >"$run/log" 2>&1 </dev/null &
    pid=$!
    printf '%s' "$pid" >"$run/pid"
    printf '%s\n' "$endpoint" >"$run/endpoint"
    for _ in $(seq 300); do
      if healthy "$endpoint"; then
        printf '%s\n' "$endpoint"
        return
      fi
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    say "attempt $attempt on port $port did not become healthy"
    stop
  done
  tail -n 20 "$run/log" >&2 || true
  die "it does not start; its log is $run/log"
}

stop() {
  local pid
  if pid=$(running_pid); then
    # Its Lambda workers are in the same process group.
    kill -TERM -- "-$pid" 2>/dev/null || kill -TERM "$pid" 2>/dev/null || true
    for _ in $(seq 50); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL -- "-$pid" 2>/dev/null || true
  fi
  rm -rf "$run/pid" "$run/endpoint" "$run/tmp"
}

case ${1:-} in
  start) start ;;
  stop) stop ;;
  status) running_pid >/dev/null && cat "$run/endpoint" ;;
  install) install_venv ;;
  *) say "usage: rigs/ministack.sh start|stop|status|install"; exit 64 ;;
esac
