"""Whether a folder is a place for a database: some are synchronised, some know no reliable locks."""

from __future__ import annotations

import os
import re
from pathlib import Path

_MOUNTS = Path("/proc/mounts")
_SYNCHRONISED = re.compile(
    r"dropbox( \(.+\))?|onedrive( - .+)?|nextcloud|owncloud|icloud ?drive|mobile documents|cloudstorage"
    r"|google ?drive|my drive|pcloud( ?drive)?|syncthing|seafile",
    re.IGNORECASE,
)
_MARKS = (".stfolder", ".dropbox", ".dropbox.cache", ".nextcloudsync.log", ".owncloudsync.log", ".SeaDrive")
_NETWORK_FILE_SYSTEM = re.compile(
    r"nfs\d?|cifs|smb\w*|afs|afpfs|ceph|glusterfs|lustre|webdav|davfs"
    r"|fuse\.(sshfs|rclone|davfs2?|s3fs|gcsfuse|glusterfs|ceph|smbnetfs)"
)
_OCTAL = re.compile(r"\\([0-7]{3})")  # how /proc/mounts writes a blank in a name


def problem_of(folder: Path, mounts: Path = _MOUNTS) -> str | None:
    """Return why a database should not be in that folder, for a person; None if it may."""
    real = Path(os.path.realpath(folder))
    for each in (real, *real.parents):
        if _SYNCHRONISED.fullmatch(each.name) or any((each / mark).exists() for mark in _MARKS):
            return (
                f"{each} seems to be synchronised with other computers, which copies a database in "
                "mid-change and brings old states back. Set storage.database_path to another folder"
            )
    kind = _file_system(real, mounts)
    if _NETWORK_FILE_SYSTEM.fullmatch(kind):
        return (
            f"{real} is on another computer ({kind}), where a database cannot rely on locks. "
            "Set storage.database_path to a disk of this computer"
        )
    return None


def _file_system(folder: Path, mounts: Path) -> str:
    """Return the kind of the folder's file system; "" if the system does not list it."""
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    rows = [(fields[1], fields[2]) for line in lines if len(fields := line.split()) > 2]
    points = [(Path(_OCTAL.sub(lambda octal: chr(int(octal[1], 8)), name)), kind) for name, kind in rows]
    above = [(len(point.parts), kind) for point, kind in points if folder.is_relative_to(point)]
    return max(above, key=lambda each: each[0], default=(0, ""))[1]
