"""Putting time stamps into a pack that exists.

Invariant: a pack's own files do not change, so its id stays; a zip is written anew beside its place and moved there.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from dyepack.errors import CaseError
from dyepack.pack import bag, stamps
from dyepack.pack.make import publish
from dyepack.pack.tree import opened

if TYPE_CHECKING:
    from dyepack.pack.tree import Tree


def text_of(pack: Path) -> bytes:
    """What is stamped: the tag manifest, after the bag was found sound; PackFault (a CaseError) where it is not."""
    with opened(pack) as tree:
        bag.check(tree)
        return tree.read(bag.TAG_MANIFESTS[0])


def add(pack: Path, response: bytes, file: Path | str, asked: bytes | None = None) -> str:
    """Put a response into a pack; the name of its file. InputError says why it may not go in, CaseError if it is
    there already."""
    with opened(pack) as tree:
        bag.check(tree)
        stamps.accept(response, tree.read(bag.TAG_MANIFESTS[0]), file, asked)
        name = f"{bag.STAMPS}{hashlib.sha256(response).hexdigest()}.tsr"
        if name in tree.sizes:
            raise CaseError(f"{pack} has this time stamp already", remedy="nothing is to be done")
        if tree.is_zip:
            _add_to_zip(pack, tree, name, response)
        else:
            _add_to_folder(pack, name, response)
    return name


def _add_to_zip(pack: Path, tree: Tree, name: str, response: bytes) -> None:
    with tempfile.TemporaryDirectory(prefix="dyepack-") as made:
        folder = Path(made)
        tree.unpack(folder, "")
        (folder / bag.STAMPS).mkdir(exist_ok=True)
        (folder / name).write_bytes(response)
        publish(pack, {n: folder / n for n in (*tree.sizes, name)}, replace=True)


def _add_to_folder(pack: Path, name: str, response: bytes) -> None:
    place = pack / name
    partial = pack.parent / f".{pack.name}.stamp-{os.getpid()}"
    try:
        place.parent.mkdir(exist_ok=True)
        partial.write_bytes(response)
        partial.replace(place)
    except OSError as fault:
        raise CaseError(f"{place} cannot be written ({fault.strerror})", remedy="check the folder") from fault
    finally:
        partial.unlink(missing_ok=True)
