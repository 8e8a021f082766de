# SPDX-License-Identifier: GPL-2.0-or-later
"""A terminal with somebody in front of it, who starts guests by hand: everything that was ever on it is kept.

tests/e2e/terminal.py has one with a screen; a guest's console scrolls.
"""

import os
import pty
import re
import select
import signal
import subprocess
import time


class Console:
    def __init__(self, argv, cwd=None, env=None):
        ours, theirs = pty.openpty()
        self.fd = ours
        self.text = ""
        self.at = 0    # what has been looked at
        # A session of its own, with this as its terminal: for job control.
        self.process = subprocess.Popen(["setsid", "--ctty", *argv], stdin=theirs, stdout=theirs, stderr=theirs, cwd=cwd,
                                        env=env)
        os.close(theirs)

    def type(self, line):
        os.write(self.fd, line.encode() + b"\n")

    def _more(self, end):
        if not select.select([self.fd], [], [], max(end - time.monotonic(), 0))[0]:
            return False
        try:
            part = os.read(self.fd, 65536)
        except OSError:    # nobody has the other side any more
            part = b""
        # Neither carriage returns nor what a shell's line editor does to the screen is text.
        self.text += re.sub(r"\r|\x1b\[[0-9]*[A-Za-z]", "", part.decode(errors="replace"))
        return bool(part)

    def until(self, wanted, seconds=60):
        """The text from where the last look ended to the regular expression, once it is there."""
        end = time.monotonic() + seconds
        while not (found := re.compile(wanted, re.MULTILINE).search(self.text, self.at)):
            assert self._more(end), f"not seen within {seconds} s, or ended before: {wanted}\n--- all of it\n{self.text}"
        before, self.at = self.text[self.at:found.start()], found.end()
        return before

    def ended(self, seconds=60):
        """The exit status, once it has ended by itself."""
        end = time.monotonic() + seconds
        while self._more(end):
            pass
        return self.process.wait(max(end - time.monotonic(), 1))

    def close(self):
        """With all that it has started and not put into a session of its own."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            for group in groups_of(self.process.pid):
                try:
                    os.killpg(group, number)
                except ProcessLookupError:
                    pass
            end = time.monotonic() + 10
            while groups_of(self.process.pid) and time.monotonic() < end:
                self.process.poll()
                time.sleep(0.05)
        self.process.wait()
        os.close(self.fd)


def groups_of(session):
    """The process groups of a session: a shell with job control gives each job one."""
    groups = set()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as file:
                    fields = file.read().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == session and fields[0] != "Z":
                groups.add(int(fields[2]))
    return groups
