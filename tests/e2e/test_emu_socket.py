# SPDX-License-Identifier: GPL-2.0-or-later
"""The TCP doors of ide-emu: --spdm, which QEMU and DMTF's requester connect to, and --bridge, which connects out."""

import re
import socket
import struct
import threading
import time

import pytest

from conftest import ENDPOINT, ROOT_PORT
from emu_doe import Mailbox, MailboxError
from test_curve import two_free_ports

NORMAL, TEST, CONTINUE, SHUTDOWN, UNKNOWN = 1, 0xDEAD, 0xFFFD, 0xFFFE, 0xFFFF
MCTP, PCI_DOE = 1, 2
GET_VERSION = Mailbox.object(1, bytes([0x10, 0x84, 0, 0]))
VERSION_CODE = 0x04


def receive(s, n):
    data = b""
    while len(data) < n:
        part = s.recv(n - len(data))
        if not part:
            raise ConnectionError("closed")
        data += part
    return data


class Client:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, command, payload=b"", transport=PCI_DOE, length=None):
        length = len(payload) if length is None else length
        self.socket.sendall(struct.pack(">III", command, transport, length) + payload)

    def receive(self):
        command, transport, length = struct.unpack(">III", receive(self.socket, 12))
        assert transport == PCI_DOE
        return command, receive(self.socket, length)

    def ask(self, command, payload=b""):
        self.send(command, payload)
        return self.receive()

    def is_closed(self):
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


@pytest.fixture
def served(start_platform):
    """An ide-emu whose endpoint listens, and the port that it chose."""
    platform = start_platform("--spdm", f"{ENDPOINT}=0")
    port = int(re.search(rf"{ENDPOINT}: SPDM on 127\.0\.0\.1:(\d+)", platform.log.read_text())[1])
    return platform, port


def says_version(answer):
    command, data = answer
    return command == NORMAL and data[:3] == bytes([1, 0, 1]) and data[9] == VERSION_CODE


def test_greeting_and_objects(served):
    with Client(served[1]) as c:
        assert c.ask(TEST, b"Client Hello!\0") == (TEST, b"Server Hello!\0")
        assert says_version(c.ask(NORMAL, GET_VERSION))
        command, data = c.ask(NORMAL, Mailbox.discovery(0))
        assert command == NORMAL and data[8:12] == bytes([1, 0, 0, 1])


@pytest.mark.parametrize("command", [CONTINUE, SHUTDOWN])
def test_a_farewell_ends_that_client_only(served, command):
    with Client(served[1]) as stays, Client(served[1]) as leaves:
        assert leaves.ask(command) == (command, b"")
        assert leaves.is_closed()
        assert says_version(stays.ask(NORMAL, GET_VERSION))
    with Client(served[1]) as comes:
        assert says_version(comes.ask(NORMAL, GET_VERSION))


def test_an_unknown_command_is_answered_and_ends_it(served):
    with Client(served[1]) as c:
        assert c.ask(0x8001) == (UNKNOWN, b"")
        assert c.is_closed()


def test_another_transport_ends_it(served):
    with Client(served[1]) as c:
        c.send(NORMAL, GET_VERSION, transport=MCTP)
        assert c.is_closed()


@pytest.mark.parametrize("length", [0x10001, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_length_beyond_any_object_ends_it(served, length):
    platform, port = served
    with Client(port) as c:
        c.send(NORMAL, GET_VERSION, length=length)
        assert c.is_closed()
    with Client(port) as c:
        assert says_version(c.ask(NORMAL, GET_VERSION))
    assert "a message is longer than a data object may be" in platform.log.read_text()


@pytest.mark.parametrize("payload", [b"", b"\1", b"\1\0\1\0\3\0\0", GET_VERSION[:8], GET_VERSION[:-4],
                                     GET_VERSION + bytes(4), bytes(64), b"\xff" * 64], ids=len)
def test_a_malformed_object_has_no_answer_and_does_no_harm(served, payload):
    with Client(served[1]) as c:
        c.send(NORMAL, payload)
        # some are discarded, as a mailbox does; what SPDM can be read gets its ERROR
        c.send(NORMAL, GET_VERSION)
        answer = c.receive()
        if not says_version(answer):
            assert answer[1][9] == 0x7F
            answer = c.receive()
        assert says_version(answer)


def test_clients_that_leave_in_the_middle(served):
    for end in range(1, 12 + len(GET_VERSION)):
        with Client(served[1]) as c:
            c.socket.sendall((struct.pack(">III", NORMAL, PCI_DOE, len(GET_VERSION)) + GET_VERSION)[:end])
    with Client(served[1]) as c:
        assert says_version(c.ask(NORMAL, GET_VERSION))


def test_more_clients_than_there_is_room_for(served):
    platform, port = served
    clients, answered = [Client(port) for _ in range(70)], 0
    for c in clients:
        try:
            answered += says_version(c.ask(NORMAL, GET_VERSION))
        except ConnectionError:
            pass
    assert answered == 64
    assert platform.log.read_text().count("more than 64 SPDM clients") == 6
    for c in clients:
        c.socket.close()
    end = time.monotonic() + 10
    while True:  # the places of those that left become free soon
        try:
            with Client(port) as c:
                assert says_version(c.ask(NORMAL, GET_VERSION))
                break
        except ConnectionError:
            assert time.monotonic() < end


# Small segments that wait for an acknowledgement wait 40 ms: theirs must be acknowledged at once, ours be whole.
MESSAGES = 100
DELAYED_ACK = 0.040   # seconds
DATA_SEGMENTS_IN = 152   # offset of tcpi_data_segs_in in struct tcp_info


def data_segments_in(s):
    return struct.unpack_from("I", s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256), DATA_SEGMENTS_IN)[0]


def test_each_answer_is_one_segment(served):
    with Client(served[1]) as client:
        before = data_segments_in(client.socket)
        for _ in range(MESSAGES):
            assert says_version(client.ask(NORMAL, GET_VERSION))
        assert data_segments_in(client.socket) - before == MESSAGES


def test_a_peer_that_sends_in_small_segments_is_not_slow(served):
    """As QEMU and spdm-emu write them: a piece at a time, each held back until the one before is acknowledged. On a busy
    machine some are slow all the same."""
    took = []
    with Client(served[1]) as client:
        for _ in range(MESSAGES):
            asked = time.monotonic()
            for piece in (struct.pack(">I", NORMAL), struct.pack(">I", PCI_DOE), struct.pack(">I", len(GET_VERSION)),
                          GET_VERSION):
                client.socket.sendall(piece)
            assert says_version(client.receive())
            took.append(time.monotonic() - asked)
    assert sorted(took)[MESSAGES // 2] < DELAYED_ACK / 2


def test_the_mailbox_and_the_socket_lead_to_one_device(served):
    platform, port = served
    with Client(port) as c, Mailbox(platform, ENDPOINT) as m:
        assert says_version(c.ask(NORMAL, GET_VERSION))
        assert m.exchange(GET_VERSION)[9] == VERSION_CODE
    platform.misbehave(ENDPOINT, "spdm-busy")
    with Client(port) as c:
        assert c.ask(NORMAL, GET_VERSION)[1][8:12] == bytes([0x10, 0x7F, 3, 0])


def test_it_ends_with_clients_connected(served):
    platform, port = served
    with Client(port) as c:
        assert says_version(c.ask(NORMAL, GET_VERSION))
        platform.misbehave(ENDPOINT, "late=60000")
        c.send(NORMAL, GET_VERSION)
        time.sleep(0.1)
        platform.stop()   # long before the answer


# --- Bridge ----------------------------------------------------------------------------------------------------------


class Responder:
    """An external responder that answers each object with its bytes inverted, or as a test wants it."""

    def __init__(self, port=0):
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        self.seen, self.answer, self.connections = [], self.inverted, []
        threading.Thread(target=self._serve, daemon=True).start()

    @staticmethod
    def inverted(data):
        return struct.pack(">III", NORMAL, PCI_DOE, len(data)) + data[:8] + bytes(b ^ 0xFF for b in data[8:])

    def _serve(self):
        try:
            while True:
                connection, _ = self.listener.accept()
                self.connections.append(connection)
                self._serve_one(connection)
        except OSError:
            pass

    def _serve_one(self, connection):
        try:
            while True:
                command, transport, length = struct.unpack(">III", receive(connection, 12))
                assert transport == PCI_DOE
                data = receive(connection, length)
                self.seen.append((command, data))
                if command == CONTINUE:
                    connection.sendall(struct.pack(">III", CONTINUE, PCI_DOE, 0))
                    return
                answer = self.answer(data)
                if answer is None:
                    return
                connection.sendall(answer)
        except ConnectionError:
            pass
        finally:
            connection.close()

    def close(self):
        self.listener.close()
        for c in self.connections:
            c.close()


@pytest.fixture
def responder():
    r = Responder()
    yield r
    r.close()


def test_objects_go_over_the_bridge_and_discovery_does_not(responder, start_platform):
    platform = start_platform("--bridge", f"{ENDPOINT}=127.0.0.1:{responder.port}")
    assert f"{ENDPOINT}: bridged: partner keys unknown" in platform.log.read_text()
    with Mailbox(platform, ENDPOINT) as m, Mailbox(platform, ROOT_PORT) as other:
        assert m.protocols() == [(1, 0), (1, 1), (1, 2)]
        assert responder.seen == []
        assert m.exchange(GET_VERSION)[8:] == bytes([0xEF, 0x7B, 0xFF, 0xFF])
        assert m.exchange(Mailbox.object(2, b"12345678"))[8:] == bytes(b ^ 0xFF for b in b"12345678")
        assert other.exchange(GET_VERSION)[9] == VERSION_CODE
    assert responder.seen == [(NORMAL, GET_VERSION), (NORMAL, Mailbox.object(2, b"12345678"))]
    assert {f["bdf"]: f["bridged"] for f in platform.state()["functions"]}[ENDPOINT] is True
    platform.stop()
    assert responder.seen[-1] == (CONTINUE, b"")  # and not SHUTDOWN: the responder is not ours


def test_a_responder_that_is_not_there_is_a_doe_error_until_it_is(start_platform):
    port = two_free_ports()
    platform = start_platform("--bridge", f"{ENDPOINT}=127.0.0.1:{port}")
    with Mailbox(platform, ENDPOINT) as m:
        with pytest.raises(MailboxError, match="ERROR"):
            m.exchange(GET_VERSION)
        m.abort()
        responder = Responder(port)
        assert m.exchange(GET_VERSION)[9] == 0x7B
        responder.close()
        m.abort()
        with pytest.raises(MailboxError, match="ERROR"):
            m.exchange(GET_VERSION)
        m.abort()
        responder = Responder(port)
        assert m.exchange(GET_VERSION)[9] == 0x7B
        responder.close()
    assert "bridge: cannot connect to the external responder" in platform.log.read_text()


@pytest.mark.parametrize("answer", [
    lambda data: None,
    lambda data: struct.pack(">III", UNKNOWN, PCI_DOE, 0),
    lambda data: struct.pack(">III", NORMAL, MCTP, 4) + bytes(4),
    lambda data: struct.pack(">III", NORMAL, PCI_DOE, 0),
    lambda data: struct.pack(">III", NORMAL, PCI_DOE, 7) + bytes(7),
    lambda data: struct.pack(">III", NORMAL, PCI_DOE, 0xFFFFFFFF),
], ids=["closes", "unknown", "transport", "empty", "odd", "huge"])
def test_a_responder_that_answers_nonsense_is_a_doe_error(responder, start_platform, answer):
    platform = start_platform("--bridge", f"{ENDPOINT}=127.0.0.1:{responder.port}")
    with Mailbox(platform, ENDPOINT) as m:
        responder.answer = answer
        with pytest.raises(MailboxError, match="ERROR"):
            m.exchange(GET_VERSION)
        m.abort()
        responder.answer = responder.inverted
        assert m.exchange(GET_VERSION)[9] == 0x7B


def test_a_responder_that_is_late_is_a_doe_error(responder, start_platform):
    platform = start_platform("--bridge", f"{ENDPOINT}=127.0.0.1:{responder.port}")
    over = threading.Event()
    responder.answer = lambda data: over.wait(60) and responder.inverted(data)
    with Mailbox(platform, ENDPOINT) as m:
        start = time.monotonic()
        with pytest.raises(MailboxError, match="ERROR"):
            m.exchange(GET_VERSION)
        assert time.monotonic() - start > 1
    over.set()
