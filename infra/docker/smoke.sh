#!/usr/bin/env bash
# Smoke test of docker-compose.yml: builds the image, starts the stack with nothing set, and sends a visitor's messages
# through the sample bot. One is answered in the webhook's response, one later by signed callback. Leaves nothing behind.
set -Eeuo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

# Ports of its own, so that a stack or an `npm start` on this machine is not in the way; settings of this shell are not meant.
gateway_port=${SMOKE_GATEWAY_PORT:-13000}
receiver_port=${SMOKE_RECEIVER_PORT:-13001}
gateway=http://127.0.0.1:$gateway_port/api/chat
receiver=http://127.0.0.1:$receiver_port/api/chat/webhook

compose() {
  env -u CHAT_WEBHOOK_SECRET -u CHAT_N8N_WEBHOOK_URL -u CHAT_CALLBACK_URL \
    CHAT_GATEWAY_PORT="$gateway_port" CHAT_RECEIVER_PORT="$receiver_port" \
    docker compose --env-file /dev/null --project-name chat-relay-smoke "$@"
}

finish() {
  local code=$?
  if [ "$code" -ne 0 ]; then
    echo "smoke: FAILED, the last log lines:"
    compose ps --all || true
    compose logs --tail 30 || true
  fi
  compose down --volumes --remove-orphans >/dev/null 2>&1 || true
  exit "$code"
}
trap finish EXIT

say() { printf 'smoke: %s\n' "$*"; }
fail() { say "$*"; exit 1; }
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }

# expect STATUS WHAT CURL-ARGUMENTS…: prints the body, fails on another status
expect() {
  local wanted=$1 what=$2 answer
  shift 2
  answer=$(curl --silent --show-error --max-time 20 --write-out '\n%{http_code}' "$@")
  [ "${answer##*$'\n'}" = "$wanted" ] || { say "$what: expected $wanted, got: $answer" >&2; return 1; }
  printf '%s\n' "${answer%$'\n'*}"
}

send() {
  expect 202 "send $1" --request POST "$gateway/send" --header "authorization: Bearer $token" \
    --header 'content-type: application/json' --data "{\"sessionId\":\"$session\",\"content\":\"$1\"}" >/dev/null
  say "accepted with 202: $1"
}

# await_reply TEXT: until the history holds a reply with it
await_reply() {
  local deadline=$((SECONDS + 30)) history
  while [ "$SECONDS" -lt "$deadline" ]; do
    history=$(expect 200 history "$gateway/messages/$session" --header "authorization: Bearer $token")
    case $history in *"\"role\":\"assistant\",\"content\":\"$1"*) say "reply: $1"; return 0 ;; esac
    sleep 0.2
  done
  fail "no reply \"$1\" within 30 s, the history is: $history"
}

started=$SECONDS
compose up --build --wait --wait-timeout 300
say "the stack is up after $((SECONDS - started)) s"

answer=$(expect 201 session --request POST "$gateway/session")
session=$(field sessionId <<<"$answer")
token=$(field sessionToken <<<"$answer")
say "session $session"

send 'Hello!'
await_reply 'You said: Hello!'
send '/later'
await_reply 'As promised, a little later'

expect 200 'receiver' "$receiver" >/dev/null
expect 401 'an unsigned callback' --request POST "$receiver" --header 'content-type: application/json' --data '{}' >/dev/null
say "the receiver answers, and refuses a callback without a signature"
expect 200 'the page' "http://127.0.0.1:$gateway_port/" >/dev/null
expect 200 'the widget' "http://127.0.0.1:$gateway_port/widget/widget.js" >/dev/null
say "the gateway serves the page and the widget"
say "passed"
