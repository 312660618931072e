"""Makes the messages from the contract, when the package is built. The rest of its description is in pyproject.toml."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = pathlib.Path(__file__).resolve().parent
# Beside this file in a source distribution, at the root in a clone.
PROTOS = next((p for p in (HERE / "protos", HERE.parents[1] / "protos") if (p / "sgl" / "v1").is_dir()), None)


def protoc():
    """The compiler with its arguments: grpcio-tools', or the one of the system."""
    try:
        import grpc_tools
    except ImportError:
        return ["protoc"]
    return [sys.executable, "-m", "grpc_tools.protoc", "-I", str(pathlib.Path(grpc_tools.__file__).parent / "_proto")]


def generate(package):
    """Messages as modules of the package, and what types they have. The name they are registered under stays the contract's."""
    if PROTOS is None:
        raise SystemExit("the contract (protos/sgl/v1) is not beside this package")
    with tempfile.TemporaryDirectory() as work:
        roots = {PROTOS: "sgl/v1", HERE / "details": "sgl_client"}
        for root, folder in roots.items():
            files = sorted(str(f) for f in (root / folder).glob("*.proto"))
            subprocess.run([*protoc(), "-I", str(root), "--python_out", work, "--pyi_out", work, *files], check=True)
        made = pathlib.Path(work)
        for source in [*(made / "sgl" / "v1").iterdir(), *(made / "sgl_client").iterdir()]:
            text = source.read_text()
            text = re.sub(r"\bfrom sgl\.v1 import", "from sgl_client.v1 import", text)
            text = re.sub(r"(['\"])sgl\.v1\.(\w+_pb2)\1", r"\1sgl_client.v1.\2\1", text)
            (package / ("v1" if source.parent.name == "v1" else ".") / source.name).write_text(text)


class BuildMessages(build_py):
    def run(self):
        super().run()
        generate(HERE / "src" / "sgl_client" if getattr(self, "editable_mode", False) else pathlib.Path(self.build_lib) / "sgl_client")


class WithContract(sdist):
    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        shutil.copytree(PROTOS / "sgl", pathlib.Path(base_dir) / "protos" / "sgl", dirs_exist_ok=True)


setup(version=os.environ.get("SGL_VERSION", "0.1.0.dev0"), cmdclass={"build_py": BuildMessages, "sdist": WithContract})
