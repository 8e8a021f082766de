# SPDX-License-Identifier: GPL-2.0-or-later
"""What somebody in front of a terminal sees."""

import re

import pytest

from conftest import ENDPOINT, ROOT_PORT, SWITCH_ENDPOINTS, program
from terminal import Terminal

GREEN = "\x1b[32m"


@pytest.fixture
def terminal():
    opened = []

    def start(*size, **environment):
        opened.append(Terminal(*size, **environment))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def row(screen, bdf):
    """The line of a port in the tree."""
    return next((line for line in screen.splitlines() if re.search(rf"(^|─){re.escape(bdf)} ", line)), "")


def test_the_tree_follows_what_happens(controller, terminal):
    screen = terminal(120, 24)
    screen.run(controller, "list", "--watch")
    text = screen.until(lambda s: row(s, ENDPOINT))
    assert re.search(r"^\d\d:\d\d:\d\d  IDE streams at ipc://\S+  \(q: quit\)$", text, re.MULTILINE)
    assert "└─0000:01:00.0" in text and "Secure" not in text
    controller.json("establish", ROOT_PORT, "--stream", "0")
    screen.until(lambda s: row(s, ENDPOINT).endswith("0 Secure") and row(s, ROOT_PORT).endswith("0 Secure"))
    screen.until(rf"^stream 0  {ROOT_PORT} - {ENDPOINT}  is Secure, key set 0: establish, ")
    assert f"{GREEN}0 Secure" in screen.screen(colors=True)
    controller.json("stop", ROOT_PORT, "--stream", "0")
    screen.until(lambda s: "0 Secure" not in row(s, ENDPOINT) and "is off: stop, " in s)


def test_the_tree_shows_a_stream_that_falls(platform, controller, terminal):
    controller.json("establish", ROOT_PORT, "--stream", "0")
    screen = terminal(120, 24)
    screen.run(controller, "list", "--watch")
    screen.until(lambda s: row(s, ENDPOINT).endswith("0 Secure"))
    platform.tell(f"reset {ENDPOINT}")
    screen.until(lambda s: row(s, ENDPOINT) and not row(s, ENDPOINT).endswith("0 Secure"))


@pytest.mark.parametrize("key", ["q", "C-c"])
def test_leaving_gives_the_terminal_back(controller, terminal, key):
    screen = terminal()
    screen.type("echo before")
    screen.press("Enter")
    screen.until(r"^before$")
    screen.type(f"clear; echo again; {program('ide-ctl')} --connect {controller.endpoint} list --watch; echo status $?; "
                "stty -a | grep -ow -e '-\\?echo' -e '-\\?icanon'")
    screen.press("Enter")
    screen.until(lambda s: row(s, ENDPOINT))
    assert "again" not in screen.screen()   # it has the screen for itself
    screen.press(key)
    text = screen.until(r"^echo$")
    assert text.index("again") < text.index("status 0") < text.index("icanon")
    assert "-echo" not in text and "-icanon" not in text
    assert not row(text, ENDPOINT)
    assert screen.tmux("display-message", "-p", "#{cursor_flag} #{wrap_flag} #{alternate_on}").split() == ["1", "1", "0"]


def test_a_narrow_terminal_and_one_that_changes(controller, terminal):
    controller.json("establish", SWITCH_ENDPOINTS[0], "--stream", "0")
    screen = terminal(44, 24)
    screen.run(controller, "list", "--watch")
    text = screen.until(lambda s: row(s, SWITCH_ENDPOINTS[0]))
    assert len([line for line in text.splitlines() if re.search(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.", line)]) == 8
    screen.resize(120, 24)
    text = screen.until(lambda s: row(s, SWITCH_ENDPOINTS[0]).endswith("0 Secure"))
    screen.resize(120, 8)
    text = screen.until(r"^\.\.\.$")
    assert "IDE streams at" in text.splitlines()[0]
    screen.resize(120, 24)
    screen.until(lambda s: row(s, SWITCH_ENDPOINTS[1]))


def test_a_controller_that_goes_and_comes_back(platform, start_controller, terminal):
    controller = start_controller(platform)
    screen = terminal()
    screen.run(controller, "list", "--watch")
    screen.until(lambda s: row(s, ENDPOINT))
    controller.stop()
    screen.until("nobody answers|no controller")
    again = start_controller(platform)
    again.json("establish", ENDPOINT, "--stream", "0")
    screen.until(lambda s: row(s, ENDPOINT).endswith("0 Secure"))


def test_progress_is_one_line_that_is_gone_in_the_end(platform, controller, terminal):
    platform.misbehave(ENDPOINT, "late=2000")   # slow enough to be seen
    screen = terminal()
    screen.run(controller, "establish", ROOT_PORT, "--stream", "0")
    seen = set()

    def look(text):
        lines = [line for line in text.splitlines() if line.startswith("stream 0: establish: ")]
        assert len(lines) <= 1, text
        seen.update(lines)
        return "Stream 0 is Secure" in text or any(ENDPOINT in line for line in lines)

    screen.until(look)
    platform.behave(ENDPOINT)
    text = screen.until(lambda text: look(text) and "Stream 0 is Secure" in text)
    assert f"stream 0: establish: check its identity at {ENDPOINT}" in seen, seen
    assert "stream 0: establish" not in text
    assert text.splitlines()[0] == f"Stream 0 is Secure: root port {ROOT_PORT}, endpoint {ENDPOINT}, key set 0."


def test_an_interrupt_is_answered(platform, controller, terminal):
    platform.misbehave(ENDPOINT, "late=2000")
    screen = terminal()
    screen.run(controller, "establish", ROOT_PORT, "--stream", "0", "; echo status $?")
    screen.until(rf"^stream 0: establish: check its identity at {ENDPOINT}")
    screen.press("C-c")
    text = screen.until(r"^status ")
    assert re.search(r"^status 1$", text, re.MULTILINE)
    assert "cancelled on request" in text
    assert "stream 0: establish" not in text
    platform.behave(ENDPOINT)
    assert controller.json("show")["streams"] == []


def test_colour_on_a_terminal_and_how_to_be_without(controller, terminal):
    controller.json("establish", ROOT_PORT, "--stream", "0")
    screen = terminal(160, 24)
    assert f"{GREEN}Secure" in screen.run_through(controller, "show")
    assert GREEN not in screen.run_through(controller, "show", "--color", "never")
    assert GREEN not in screen.run_through(controller, "show", "|", "cat")
    assert f"{GREEN}Secure" in screen.run_through(controller, "show", "--color=always", "|", "cat")
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        screen.type(f"export {name}={value}")
        screen.press("Enter")
        text = screen.run_through(controller, "show")
        assert "Secure" in text and GREEN not in text, name
        screen.type(f"unset {name}; export TERM=screen")
        screen.press("Enter")


def test_monitor_reads_well(platform, controller, terminal):
    screen = terminal(160, 24)
    screen.run(controller, "monitor")
    screen.until(r"^\d\d:\d\d:\d\d  connected$")
    controller.json("establish", ROOT_PORT, "--stream", "0")
    text = screen.until(r"establish, \d+ steps in", colors=True)
    assert f"{GREEN}stream 0  {ROOT_PORT} - {ENDPOINT}  is Secure, key set 0" in text
    platform.misbehave(ENDPOINT, "km-refuse")
    controller.error("rekey")
    text = screen.until("rekey failed", colors=True)
    assert re.search(r"\x1b\[31mstream 0 .*rekey failed: 0000:01:00.0: KP_ACK", text)
    screen.press("C-c")
    screen.until(lambda s: s.rstrip().endswith("$"))


def test_watch_is_for_terminals(controller):
    done = controller.ctl("list", "--watch")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--watch needs a terminal" in done.stderr
