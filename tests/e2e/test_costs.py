# SPDX-License-Identifier: GPL-2.0-or-later
"""An operation takes at most 1.1 times the data objects and configuration accesses that the protocols need at least.

How often a mailbox is looked at while its device works depends on how long that takes: the emulator counts those looks by
themselves. They are few, however slow the device is.
"""

from conftest import ENDPOINT, ROOT_PORT
from costs import cost

UNWATCHED = ("--watch-interval", "0")  # what it looks at is no operation's
OBJECTS = {"establish": 23, "rekey": 18, "stop": 7}


def test_operations_take_the_least(start_platform, start_controller):
    platform = start_platform()
    controller = start_controller(platform, *UNWATCHED)
    for operation, objects in OBJECTS.items():
        spent = cost(platform, controller, operation)
        assert spent["data_objects"] == {"root port": objects, "endpoint": objects}, (operation, spent)
        assert spent["data_objects_ratio"] <= 1.1, (operation, spent)
        assert spent["config_accesses_ratio_without_those"] <= 1.1, (operation, spent)


def test_a_slow_device_is_not_looked_at_more_often(start_platform, start_controller):
    platform = start_platform()
    controller = start_controller(platform, *UNWATCHED)
    for bdf in (ROOT_PORT, ENDPOINT):
        platform.misbehave(bdf, "late=20")
    for operation, objects in OBJECTS.items():
        spent = cost(platform, controller, operation)
        # the first answer of each port comes unexpectedly: 40 looks at most; on a busy machine some come late, too
        assert spent["looks_while_busy"] <= 2 * (40 + 8 * objects), (operation, spent)
