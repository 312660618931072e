"""Stands in for the package "openai" where it is not installed: the calls of the documented example, sent as that package sends them."""

import json
import types
import urllib.request


def _read(value):
    return json.loads(value, object_hook=lambda members: types.SimpleNamespace(**members))


class OpenAI:
    def __init__(self, *, base_url, api_key):
        self._base_url, self._api_key = base_url, api_key
        self.chat = types.SimpleNamespace(completions=types.SimpleNamespace(create=self._create))

    def _create(self, *, model, messages, extra_body=None):
        body = json.dumps({"model": model, "messages": messages, **(extra_body or {})}).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._api_key}"}
        with urllib.request.urlopen(urllib.request.Request(f"{self._base_url}/chat/completions", body, headers)) as response:
            return _read(response.read())
