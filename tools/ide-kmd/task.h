/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A task is an operation with all that it needs as long as it lives: how it is made, what its operation asks
 * of the controller while it runs, and how it ends.
 */
#ifndef IDE_KMD_TASK_H
#define IDE_KMD_TASK_H

#include "tools/ide-kmd/controller.h"

/* The task whose operation it is. */
static inline struct task *task_of(struct operation *op)
{
    return (struct task *)op;
}

bool task_uses_end(const struct task *task, enum stream_end end);

/* It brings back what an earlier run had. */
bool task_restores(const struct task *task);

/* What an operation asks of the controller. */
struct operation_hooks task_hooks(struct controller *c);

/* Someone else lives on the session with the operation's port at that end. */
bool task_port_is_shared(const struct controller *c, const struct operation *op, enum stream_end end);

/* A stop whose stream was turned off while it waited, by what keeps it: with the stream given up it is done, and freed.
 * False if it is no such task. */
bool task_give_up(struct controller *c, struct task *task);

/* The answer to a stop of a stream that was off already, and is given up. */
json_t *task_kept_off_json(struct controller *c, const struct keeper_item *kept);

/* Something kept it from starting: says so, and frees it. */
void task_refuse(struct controller *c, struct task *task, enum ide_err err, const char *message);

#endif
