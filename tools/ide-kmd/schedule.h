/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which task may run when: each waits until its ports are free. What else is there of the tasks that run and
 * wait is in controller.h: controller_submit(), controller_each_task(), controller_cancel(),
 * controller_is_delicate().
 */
#ifndef IDE_KMD_SCHEDULE_H
#define IDE_KMD_SCHEDULE_H

#include "tools/ide-kmd/controller.h"

/* Starts every waiting task whose ports are free and not awaited by an earlier one. */
void schedule(struct controller *c);

#endif
