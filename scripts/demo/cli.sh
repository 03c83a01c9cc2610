# From a shell: a branch becomes a stage, an edit is planned and deployed, a failure says why. Read by scripts/demo.sh.
# shellcheck shell=bash disable=SC2154

taken=/notes/owner

parameter() {
  aws_call ssm --header "Content-Type: application/x-amz-json-1.1" --header "X-Amz-Target: AmazonSSM.$1" --data "$2" --output "$demo/parameter.json"
}

command_line() {
  local repo=notes.git url
  part "From a shell"
  title "Branch main becomes the stage prod"
  git init --quiet --bare --initial-branch=main "$demo/$repo"
  work_tree "$demo/shell" "$demo/$repo"
  commit "Notes: an HTTP API, a queue with a worker, a nightly digest" main
  cd "$demo"
  run offshoot deploy --repo "$repo" --branch main --quiet --outputs-file prod.json
  url=$(output prod.json ApiUrl)
  call "$url/hello"
  expect "Hello from prod" "main runs on AWS"

  title "A commit changes code in src/lib: plan, read, deploy exactly that"
  edit src/lib/greeting.ts '`Hello from ${stage}`' '`Hello again from ${stage}`'
  commit "Greet people who come back" main
  exits 2 offshoot plan --repo "$repo" --branch main --detailed-exitcode --out change.json
  run offshoot deploy --repo "$repo" --branch main --plan change.json --quiet
  call "$url/hello"
  expect "Hello again from prod" "the API answers with the code of the new commit"

  title "A deployment that fails says why"
  tell "Somebody already made the parameter $taken by hand; a commit now adds it to a stack."
  parameter PutParameter "{\"Name\":\"$taken\",\"Type\":\"String\",\"Value\":\"somebody\"}"
  edit lib/jobs-stack.ts 'import { Queue,' $'import { StringParameter } from "aws-cdk-lib/aws-ssm";\nimport { Queue,'
  edit lib/jobs-stack.ts '    new CfnOutput(this, "QueueUrl"' \
    "    new StringParameter(this, \"Owner\", { parameterName: \"$taken\", stringValue: \"the notes team\" });

    new CfnOutput(this, \"QueueUrl\""
  commit "Say who owns the notes" main
  exits 1 offshoot deploy --repo "$repo" --branch main
  call "$url/hello"
  expect "Hello again from prod" "prod still answers"

  title "Recovery: revert the commit, deploy again"
  run git -C "$work" revert --no-edit HEAD
  git -C "$work" push --quiet origin main
  run offshoot deploy --repo "$repo" --branch main --quiet
  exits 0 offshoot plan --repo "$repo" --branch main --detailed-exitcode

  run offshoot remove --repo "$repo" --branch main --yes --quiet
  [[ -z ${DEMO_ON_AWS:-} ]] || parameter DeleteParameter "{\"Name\":\"$taken\"}"
  good "removed; prod's table stays, because its stack says so (RemovalPolicy.RETAIN)"
}
