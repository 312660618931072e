"""Pushes the smallest base image there is to a registry: one file, and the settings that Microsoft's aspnet images have.  push_base.py PORT"""
import gzip
import hashlib
import io
import json
import sys
import tarfile
import urllib.request

BASE = f"http://localhost:{sys.argv[1]}/v2/base"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def send(url, method, data=b"", kind="application/octet-stream"):
    return urllib.request.urlopen(urllib.request.Request(url, data=data, method=method, headers={"Content-Type": kind}))


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def push(data):
    location = send(f"{BASE}/blobs/uploads/", "POST").headers["Location"]
    send(location + ("&" if "?" in location else "?") + "digest=" + digest(data), "PUT", data)
    return {"size": len(data), "digest": digest(data)}


layer = io.BytesIO()
with tarfile.open(fileobj=layer, mode="w") as tar:
    entry = tarfile.TarInfo("etc/base")
    entry.size = 5
    tar.addfile(entry, io.BytesIO(b"base\n"))
config = {
    "architecture": "amd64",
    "os": "linux",
    "config": {"Env": ["PATH=/usr/bin", "ASPNETCORE_HTTP_PORTS=8080"]},
    "rootfs": {"type": "layers", "diff_ids": [digest(layer.getvalue())]},
}
manifest = {
    "schemaVersion": 2,
    "mediaType": MANIFEST,
    "config": {"mediaType": "application/vnd.docker.container.image.v1+json", **push(json.dumps(config).encode())},
    "layers": [{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", **push(gzip.compress(layer.getvalue(), mtime=0))}],
}
send(f"{BASE}/manifests/1", "PUT", json.dumps(manifest).encode(), MANIFEST)
