"""Whether a database can live in a folder: some copy files behind its back, some know no locks."""

from __future__ import annotations

import re
from pathlib import Path

_MOUNTS = Path("/proc/mounts")
_SYNCHRONISED = re.compile(
    r"dropbox( \(.+\))?|onedrive( - .+)?|nextcloud|owncloud|icloud ?drive|mobile documents|cloudstorage"
    r"|google ?drive|my drive|pcloud( ?drive)?|syncthing|seafile",
    re.IGNORECASE,
)
_MARKS = (".stfolder", ".dropbox", ".dropbox.cache", ".nextcloudsync.log", ".owncloudsync.log", ".SeaDrive")
_OVER_THE_NETWORK = re.compile(
    r"nfs\d?|cifs|smb\w*|afs|afpfs|ceph|glusterfs|lustre|webdav|davfs"
    r"|fuse\.(sshfs|rclone|davfs2?|s3fs|gcsfuse|glusterfs|ceph|smbnetfs)"
)
_OCTAL = re.compile(r"\\([0-7]{3})")  # how a blank in a name stands in the list of mounts


def trouble_with(folder: Path, mounts: Path = _MOUNTS) -> str | None:
    """Why a database should not live in that folder; None where nothing speaks against it."""
    where = folder.resolve()
    for each in (where, *where.parents):
        if _SYNCHRONISED.fullmatch(each.name) or any((each / mark).exists() for mark in _MARKS):
            return (
                f"{each} seems to be kept in step with other computers, which copies a database in "
                "mid-change and puts old states back. Set storage.database_path to a folder that is not"
            )
    kind = _file_system(where, mounts)
    if _OVER_THE_NETWORK.fullmatch(kind):
        return (
            f"{where} is on another computer ({kind}), where the locks that a database needs cannot be "
            "relied on. Set storage.database_path to a disk of this one"
        )
    return None


def _file_system(folder: Path, mounts: Path) -> str:
    """The kind of the file system that the folder is on; empty where the system does not tell."""
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    found = [(Path(_plain(fields[1])), fields[2]) for line in lines if len(fields := line.split()) > 2]
    above = [(len(point.parts), kind) for point, kind in found if folder.is_relative_to(point)]
    return max(above, key=lambda each: each[0], default=(0, ""))[1]


def _plain(name: str) -> str:
    return _OCTAL.sub(lambda octal: chr(int(octal[1], 8)), name)
