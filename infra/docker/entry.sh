#!/bin/sh
# Starts a service. Without CHAT_WEBHOOK_SECRET the stack works with a secret of its own: the migrate job, which runs
# before all others and alone, makes it once (CHAT_MAKE_SECRET), and a volume keeps it. There is no built-in secret.
set -eu

secret_file=/var/lib/chat-relay/webhook-secret

make_secret() {
  umask 077
  # Plain hex: n8n's Crypto node takes a secret as text, and not the key behind a whsec_…
  printf '%s\n' "$(od -An -v -tx1 -N32 /dev/urandom | tr -d ' \n')" >"$secret_file.new"
  mv "$secret_file.new" "$secret_file"
}

if [ -z "${CHAT_WEBHOOK_SECRET:-}" ]; then
  if [ ! -s "$secret_file" ] && [ "${CHAT_MAKE_SECRET:-}" = true ]; then make_secret; fi
  if [ -s "$secret_file" ]; then
    CHAT_WEBHOOK_SECRET=$(cat "$secret_file")
    export CHAT_WEBHOOK_SECRET
  fi
fi
# Still unset: the service says so itself, and what is allowed.
exec "$@"
