#!/bin/sh
# Asks the router a question about one image, and prints the path that the answer took, and the answer.
#   ./ask.sh ../../samples/codes.png "What is the code in the orange box?" [host:port]
# Needs grpcurl and jq. The services offer reflection, so no .proto file is needed.
set -eu
image=$1 question=$2 address=${3:-localhost:5100}

base64 < "$image" | tr -d '\n' | jq -R --arg name "$(basename "$image")" --arg question "$question" '{
  images: [{ data: ., name: $name }],
  messages: [{ role: "CHAT_ROLE_USER", parts: [{ text: $question }] }],
  omitImportance: true
}' | grpcurl -plaintext -d @ "$address" sgl.v1.RouterService/Answer | jq -r 'select(.completed) | .completed | "\(.path): \(.answer)"'
