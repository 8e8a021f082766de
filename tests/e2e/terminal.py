# SPDX-License-Identifier: GPL-2.0-or-later
"""A terminal with somebody in front of it: tmux keeps the screen, and tells when something is written to it."""

import os
import re
import select
import subprocess
import time
import uuid

from conftest import program


class Terminal:
    def __init__(self, columns=100, lines=24, **environment):
        self.count = 0
        self.name = f"ide-km-{uuid.uuid4().hex[:12]}"
        env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LANG": "C.UTF-8", "TERM": "xterm-256color",
               "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", ""), **environment}
        self.client = subprocess.Popen(
            ["tmux", "-u", "-L", self.name, "-f", "/dev/null", "-C", "new-session", "-x", str(columns), "-y", str(lines),
             "env PS1='$ ' sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env)
        os.set_blocking(self.client.stdout.fileno(), False)
        self.tmux("set-option", "-g", "window-size", "manual", retry=True)
        self.resize(columns, lines)
        self.until(r"^\$$")

    def tmux(self, *arguments, retry=False):
        end = time.monotonic() + 30
        while True:
            done = subprocess.run(["tmux", "-L", self.name, *arguments], capture_output=True, text=True, timeout=60)
            if done.returncode == 0:
                return done.stdout
            assert retry and time.monotonic() < end, f"{arguments}: {done.stderr}"
            self.wait(end)   # the server says something when it is there

    def wait(self, end):
        """Until tmux says that something has been written, or the time is over."""
        ready, _, _ = select.select([self.client.stdout], [], [], max(0, end - time.monotonic()))
        if ready:
            assert os.read(self.client.stdout.fileno(), 65536), "tmux has ended"

    def screen(self, colors=False):
        """What is to be seen; with the sequences that colour it if they are asked for."""
        return self.tmux("capture-pane", "-p", *(["-e"] if colors else []))

    def until(self, wanted, seconds=60, colors=False):
        """The screen, once the regular expression is on it or the function of it is true."""
        end = time.monotonic() + seconds
        matches = wanted if callable(wanted) else lambda text: re.search(wanted, text, re.MULTILINE)
        while True:
            screen = self.screen(colors)
            if matches(screen):
                return screen
            assert time.monotonic() < end, f"not seen within {seconds} s: {wanted}\n{self.screen(True)}"
            self.wait(end)

    def type(self, text):
        self.tmux("send-keys", "-l", "--", text)

    def press(self, *keys):
        self.tmux("send-keys", *keys)

    def run(self, controller, *arguments):
        """Types an ide-ctl command."""
        self.type(f"clear; {program('ide-ctl')} --connect {controller.endpoint} {' '.join(arguments)}")
        self.press("Enter")

    def run_through(self, controller, *arguments):
        """The same for one that ends by itself; gives the screen after it, with its colours."""
        self.count += 1
        self.run(controller, *arguments, f"; echo end-$(({self.count} + 0))")
        self.until(rf"^end-{self.count}$")
        return self.screen(colors=True)

    def resize(self, columns, lines):
        self.tmux("resize-window", "-x", str(columns), "-y", str(lines))

    def close(self):
        subprocess.run(["tmux", "-L", self.name, "kill-server"], capture_output=True, timeout=60)
        self.client.kill()   # it may be about to tell the end to nobody
        self.client.wait()
        self.client.stdin.close()
        self.client.stdout.close()
