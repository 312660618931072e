"""Pulls the images of the services from a registry, holds their settings, and runs each with its own files and environment.  check.py PORT FOLDER [NAME ...]"""
import io
import json
import os
import subprocess
import sys
import tarfile
import urllib.request

port, folder, *names = sys.argv[1:]
root = os.getcwd()
ACCEPT = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"


def get(path, accept="*/*"):
    return urllib.request.urlopen(urllib.request.Request(f"http://localhost:{port}/v2/team/{path}", headers={"Accept": accept})).read()


for name, ports in (("router", {5100, 8080, 9100}), ("small", {5101, 9101}), ("large", {5102, 9102}), ("bridge", {5102, 9102})):
    if names and name not in names:
        continue
    manifest = json.loads(get(f"sgl-{name}/manifests/1.2.3", ACCEPT))
    config = json.loads(get(f"sgl-{name}/blobs/{manifest['config']['digest']}"))["config"]
    files = os.path.join(folder, name)
    for layer in manifest["layers"]:
        with tarfile.open(fileobj=io.BytesIO(get(f"sgl-{name}/blobs/{layer['digest']}"))) as tar:
            tar.extractall(files)

    assert config["User"] == "1654", config["User"]
    assert ports <= {int(p.split("/")[0]) for p in config["ExposedPorts"]}, config["ExposedPorts"]
    environment = dict(e.split("=", 1) for e in config["Env"])
    assert environment["SGL_Listen__Address"] == "*" and environment["ASPNETCORE_HTTP_PORTS"] == "", environment
    natives = [f for _, _, found in os.walk(files) for f in found if f.endswith((".dylib", ".so"))]
    assert not [f for f in natives if f.endswith(".dylib")] and (name in ("router", "bridge") or "libonnxruntime.so" in natives), natives

    environment.pop("PATH")
    environment["SGL_Listen__Address"] = "localhost"
    settings = ["--Listen:Port=0", "--Listen:MetricsPort=0"]
    if name == "router":
        settings += ["--Listen:HttpPort=0", "--Router:Small:Address=http://localhost:1", "--Router:Large:Address=http://localhost:2"]
    elif name == "bridge":
        settings += ["--Bridge:Endpoint=http://localhost:1/v1", "--Bridge:Model=nobody"]
    else:
        environment["SGL_Engine__Checkpoint"] = environment["SGL_Engine__Checkpoint"].replace("/models/", f"{root}/models/sgl-demo-")
    command = [part.replace("/app/", f"{files}/app/") for part in config["Entrypoint"]] + settings
    process = subprocess.Popen(command, cwd=f"{files}/app", env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = []
    # A router without models and a bridge without an engine listen and wait for them; a model service is there when its model is.
    for line in process.stdout:
        said.append(line)
        if ("listens on" if name in ("router", "bridge") else "is now SERVING") in line:
            break
    else:
        sys.exit(f"sgl-{name} ends:\n{''.join(said)}")
    process.kill()
    process.wait()
    print(f"sgl-{name}: {sum(layer['size'] for layer in manifest['layers']) >> 20} MiB, starts")
