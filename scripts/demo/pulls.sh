# With pull requests: what a team sees on GitHub, from the first push to the merge. Read by scripts/demo.sh.
# shellcheck shell=bash disable=SC2154

slug=acme/notes

# control VERB JSON: what people do beside the API, and what GitHub would write into the event file of a job
control() {
  curl --silent --show-error --fail-with-body --max-time 30 --data "$2" --header "Content-Type: application/json" "$forge/_control/$1" ||
    die "the fake GitHub refuses $1 $2"
}

look() { node "$root/scripts/demo/look.mjs" "$forge" "$@"; }

start_forge() {
  local name
  "$forge_bin" --dir "$demo/forge" >"$demo/forge.json" 2>"$demo/forge.log" &
  forge_pid=$!
  for _ in $(seq 100); do
    [[ ! -s $demo/forge.json ]] || break
    kill -0 "$forge_pid" 2>/dev/null || { cat "$demo/forge.log"; die "the fake GitHub does not start"; }
    sleep 0.05
  done
  forge=$(node -p 'JSON.parse(require("node:fs").readFileSync(process.argv[1])).server_url' "$demo/forge.json")
  tell "a fake GitHub listens at $forge"
  mkdir -p "$demo/jobs" "$demo/comments" "$demo/temp"
  control repo "{\"name\":\"$slug\"}" >"$demo/repo.json"
  control role "{\"repo\":\"$slug\",\"login\":\"ana\",\"role\":\"write\"}" >/dev/null
  control role "{\"repo\":\"$slug\",\"login\":\"ben\",\"role\":\"write\"}" >/dev/null
  control role "{\"repo\":\"$slug\",\"login\":\"tom\",\"role\":\"read\"}" >/dev/null
  control token '{"secret":"token-of-ben","login":"ben"}' >/dev/null
  # The rights of the job in examples/workflows/pull-requests.yml.
  control token '{"secret":"token-of-job","permissions":{"contents":"read","pull_requests":"write","checks":"write","deployments":"write"}}' >/dev/null
}

# job NAME EVENT FIELDS: GitHub starts the workflow for an event, with the environment of a job and nothing else.
# Its log is .run/demo/jobs/NAME.log, its outputs NAME.output, its summary NAME.summary.md; $code is its exit code.
job() {
  local name=$1 event=$2 fields=$3 file=$demo/jobs/$1 variable from=$SECONDS
  last=$file
  local clean=(PATH="$PATH" HOME="$HOME" XDG_CACHE_HOME="$XDG_CACHE_HOME" GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1)
  for variable in "${!AWS_@}" NO_PROXY no_proxy; do
    clean+=("$variable=${!variable}")
  done
  control event "{\"event\":\"$event\",\"file\":\"$file.json\",$fields}" >/dev/null
  while IFS= read -r variable; do clean+=("$variable"); done < <(look env "$slug" token-of-job)
  clean+=(GITHUB_EVENT_NAME="$event" GITHUB_EVENT_PATH="$file.json" GITHUB_OUTPUT="$file.output" GITHUB_STEP_SUMMARY="$file.summary.md" RUNNER_TEMP="$demo/temp")
  printf '%s▶ GitHub starts a job on %s: offshoot ci%s\n' "$bold" "$event" "$plain"
  code=0
  env -i "${clean[@]}" offshoot ci >"$file.log" 2>&1 || code=$?
  sed -nE '/^(notes → .* (is|was|waits|could) |error:|next:|Nothing to do|URL:|[0-9]+ stacks? )/s/^/  /p' "$file.log"
  tell "  exit code $code after $((SECONDS - from)) s; all it said: ${file#"$root"/}.log"
}

# ended CODE: with which exit code the last job must have ended
ended() {
  ((code == $1)) || { cat "$last.log"; die "expected exit code $1, got $code"; }
}

# field NAME: of the JSON on standard input
field() { node -p 'JSON.parse(require("node:fs").readFileSync(0))[process.argv[1]]' "$1"; }

# digest JOB STAGE: of the plan that a job made or executed for a stage
digest() {
  node -e '
    const [file, stage] = process.argv.slice(1);
    const text = require("node:fs").readFileSync(file, "utf8").match(/^stages-json<<(.*)\n([\s\S]*?)\n\1$/m)[2];
    console.log(JSON.parse(text).find((s) => s.stage === stage).plan_digest);
  ' "$demo/jobs/$1.output" "$2"
}

# push MESSAGE BRANCH [EVENT FIELDS]: a commit, pushed with real git over HTTP; $head is the new commit, $before the old one
push() {
  before=$(git -C "$work" rev-parse --quiet --verify "refs/remotes/origin/$2" || true)
  commit "$1" "$2"
  head=$(git -C "$work" rev-parse HEAD)
}

# says LOGIN TEXT: a comment on the pull request, and the job that it starts
says() {
  local id
  printf '%s%s writes on the pull request: %s%s\n' "$bold" "$1" "$2" "$plain"
  id=$(control comment "{\"number\":$pull,\"by\":\"$1\",\"body\":\"$2\"}" | field id)
  job "$3" issue_comment "\"number\":$pull,\"comment\":$id,\"by\":\"$1\""
  answer=$(look reactions "$id")
  printf '  reactions: %s\n' "$answer"
}

# show_comment NAME: the pull request's comment without what is folded; the whole in $answer and in comment.md
show_comment() {
  look comment "$pull" short | sed 's/^/  │ /'
  answer=$(look comment "$pull")
  printf '%s\n' "$answer" | tee "$demo/comment.md" >"$demo/comments/$1.md"
}

the_rules() {
  cat >"$work/offshoot.yml" <<RULES
version: 1
apps:
  - name: notes
    path: .
stages:
  - name: prod
    branch: main
    apply: $1
$2  - name: "pr-{number}"
    pull_request: { base: main }
    apply: auto
    expires: 72h
    removal: destroy
RULES
}

# waiting STACK: the change set that waits to be executed
waiting() {
  aws_call cloudformation --data "Action=ListChangeSets&Version=2010-05-15&StackName=$1" | tr -d '\n' | sed 's/<member>/\n&/g' |
    grep '>AVAILABLE<' | grep -oE '<ChangeSetId>[^<]+' | sed 's/.*>//'
}

# execution ARN: whether a change set was executed
execution() {
  aws_call cloudformation --data "Action=DescribeChangeSet&Version=2010-05-15" --data-urlencode "ChangeSetName=$1" |
    grep -oE '<ExecutionStatus>[^<]+' | sed 's/.*>//'
}

pull_requests() {
  part "With pull requests"
  start_forge
  first_push
  open_pull
  push_again
  refuse_and_deploy
  merge
  the_end
}

first_push() {
  title "A push to main deploys prod"
  work_tree "$demo/team" "${forge/:\/\//://x-access-token:token-of-ben@}/$slug.git"
  the_rules auto ""
  push "Notes, with a preview for every pull request" main
  job 1-push push "\"branch\":\"main\",\"after\":\"$head\",\"by\":\"ben\""
  ended 0
  look deployments
  answer=$(look url prod)
  prod_url=$answer
  call "$prod_url/hello"
  expect "Hello from prod" "prod runs what main says"

  title "The team wants prod reviewed: from now on Ana approves"
  the_rules approved $'    approvals: { count: 1, from: ["@ana"] }\n    deployers: ["@ana"]\n    protect: true\n'
  push "Prod asks for an approval" main
  job 2-push push "\"branch\":\"main\",\"before\":\"$before\",\"after\":\"$head\",\"by\":\"ben\""
  ended 0
}

open_pull() {
  title "Ben opens a pull request: it gets a preview and one comment"
  git -C "$work" checkout --quiet -b feature/cheer
  edit src/lib/greeting.ts '`Hello from ${stage}`' '`A cheerful hello from ${stage}`'
  push "Cheer" feature/cheer
  pull=$(control open '{"head":"feature/cheer","base":"main","author":"ben"}' | field number)
  job 3-opened pull_request "\"action\":\"opened\",\"number\":$pull,\"by\":\"ben\""
  ended 0
  show_comment 1-opened
  first_comment=$(look comment "$pull" id)
  look checks "$head"
  look deployments
  preview_url=$(look url "pr-$pull")
  call "$preview_url/hello"
  expect "A cheerful hello from pr-$pull" "the preview runs the pull request"
  call "$prod_url/hello"
  reject "cheerful" "prod is as it was"
}

push_again() {
  title "Ben pushes again: the same comment is edited"
  edit lib/jobs-stack.ts 'visibilityTimeout: Duration.minutes(1)' 'visibilityTimeout: Duration.minutes(2)'
  edit src/lib/greeting.ts 'A cheerful hello' 'A very cheerful hello'
  push "Cheer more" feature/cheer
  job 4-synchronize pull_request "\"action\":\"synchronize\",\"number\":$pull,\"by\":\"ben\""
  ended 0
  show_comment 2-pushed
  [[ $(look comment "$pull" id) == "$first_comment" && $(look comments "$pull") == 1 ]] || die "there is more than the one comment"
  good "still one comment, with the same id"
  call "$preview_url/hello"
  expect "A very cheerful hello from pr-$pull" "the preview runs the new commit"
}

refuse_and_deploy() {
  title "Tom, who may only read, wants to deploy"
  says tom "/offshoot deploy prod" 5-refused
  ended 3
  expect "😕" "refused, and told so:"
  look reply "$pull" | sed 's/^/  │ /'
  call "$prod_url/hello"
  reject "cheerful" "prod is as it was"

  title "Ana approves what she read, and deploys it"
  local reviewed
  reviewed=$(waiting prod-notes-jobs)
  [[ -n $reviewed ]] || die "no change set waits to be executed"
  tell "The change set that the comment shows: $reviewed"
  says ana "/offshoot approve prod" 6-approve
  ended 0
  expect "🚀" "approved"
  look checks "$head"
  says ana "/offshoot deploy prod" 7-deploy
  ended 0
  expect "🚀" "deployed"
  answer=$(execution "$reviewed")
  expect EXECUTE_COMPLETE "exactly the reviewed change set was executed"
  [[ $(digest 4-synchronize prod) == "$(digest 7-deploy prod)" ]] || die "another plan was deployed than the one that was reviewed"
  good "and the plan has the digest that was approved: $(digest 7-deploy prod | cut -c 1-12)"
  call "$prod_url/hello"
  expect "A very cheerful hello from prod" "prod runs the reviewed code"
  show_comment 3-deployed
}

merge() {
  title "The pull request is merged: prod has it already, the preview goes"
  local merged
  before=$(git -C "$work" rev-parse origin/main)
  merged=$(control merge "{\"number\":$pull,\"by\":\"ana\"}" | field sha)
  job 8-push push "\"branch\":\"main\",\"before\":\"$before\",\"after\":\"$merged\",\"by\":\"ana\""
  ended 0
  job 9-closed pull_request "\"action\":\"closed\",\"number\":$pull,\"by\":\"ana\""
  ended 0
  look deployments
  [[ $(look deployment "pr-$pull") == inactive ]] || die "the preview's deployment is not inactive"
  for stack in data jobs api; do
    ! aws_call cloudformation --data "Action=DescribeStacks&Version=2010-05-15&StackName=pr-$pull-notes-$stack" >"$demo/stack.xml" 2>&1 ||
      grep -q DELETE_COMPLETE "$demo/stack.xml" || die "stack pr-$pull-notes-$stack is still there"
  done
  good "the preview's stacks are gone"
  call "$prod_url/hello"
  expect "A very cheerful hello from prod" "prod stays"
}

the_end() {
  title "The comment as it stands now"
  [[ $(look comment "$pull" id) == "$first_comment" && $(look comments "$pull") == 1 ]] || die "there is more than the one comment"
  show_comment 4-merged
  expect "\`pr-$pull\` is removed; \`prod\` is deployed." "it says how it ended"
  violations=$(look violations)
  [[ -z $violations ]] || die "requests were not as GitHub describes its API: $violations"
  good "one comment all along; every request was as GitHub's OpenAPI description says"
  page
  if [[ -n ${DEMO_ON_AWS:-} ]]; then
    tell "The stage prod of this repository stays; remove its stacks with CloudFormation."
  fi
}

# The comment as a page, much as GitHub shows it. Without the npm registry there is only the Markdown.
page() {
  local tools=$root/.run/demo-tools
  if [[ ! -d $tools/node_modules/marked ]]; then
    npm install --prefix "$tools" --no-save --no-audit --no-fund --loglevel=error marked@16.4.1 >/dev/null 2>&1 || true
  fi
  if NODE_PATH=$tools/node_modules node "$root/scripts/demo/page.cjs" "$demo/comment.md" >"$demo/comment.html" 2>"$demo/page.log"; then
    printf '\nThe comment: .run/demo/comment.md, and as a page: .run/demo/comment.html\n'
  else
    rm -f "$demo/comment.html"
    printf '\nThe comment: .run/demo/comment.md\n'
  fi
  printf 'The logs, outputs and summaries of the jobs: .run/demo/jobs/\n'
}
