"""What the program's exit codes mean; the numbers from 64 on are those of sysexits.h."""

from __future__ import annotations

USAGE = 64  # the command line is wrong
HELD = 75  # another process holds the source
CONFIGURATION = 78  # the configuration is wrong, or the database is not one for this command
FAILED = 1
CLOSED_PIPE = 141  # what a shell reports of a program that SIGPIPE has ended
