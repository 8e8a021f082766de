/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The model: all functions of a platform and what connects them. No I/O. Doors
 * (fuse_door.h, spdm_door.h, control_door.h) and the devices' workers come in
 * from several threads; emu->lock guards everything in here and is never held
 * while a message is computed. A device's own lock (device.h) is taken before it.
 */
#ifndef IDE_EMU_EMU_H
#define IDE_EMU_EMU_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "tools/ide-emu/aer.h"
#include "tools/ide-emu/config_space.h"
#include "tools/ide-emu/cxl_port.h"
#include "tools/ide-emu/mailbox.h"
#include "tools/ide-emu/fault.h"
#include "tools/ide-emu/memory.h"
#include "tools/ide-emu/stream_port.h"
#include "tools/ide-emu/platform.h"

struct emu;
struct device;
struct fabric;
struct link;

struct emu_function {
    struct emu *emu;
    struct platform_function desc;
    char name[PCIE_BDF_TEXT];
    struct emu_function *parent;      /* the port above; NULL for a root port */
    struct config_space config;
    uint16_t exp_cap, doe_cap;        /* offsets; doe_cap 0: no mailbox */
    struct mailbox mailbox;
    pthread_cond_t mailbox_changed;   /* an object waits, or was aborted; with emu->lock */
    struct stream_port ide;              /* ide.cap 0: no IDE */
    struct fault_set faults;
    struct aer aer;
    struct cxl_port cxl;              /* desc.cxl.present */
    struct memory bar;                /* behind BAR 0 */
    uint8_t traffic_class;            /* of the memory requests that it sends */
    struct link *link;                /* below a root port or downstream port; NULL for others */
    atomic_bool absent;               /* pulled out: hotplug.h; written with the lock */
    atomic_uint presence; /* how often it was put in again: what was open before is not the same */
    bool bridged;                     /* its keys are an external responder's, and unknown here */
    uint64_t config_reads, config_writes; /* by the host: one for each access inside a dword */
    uint64_t looks_while_busy;            /* of the reads: of a mailbox's status while it works on an answer */
    uint64_t data_objects;                /* that the host has sent to its mailbox */
    uint64_t dwords_sent, dwords_taken;   /* by the host, of data objects and of their answers */
    bool reset_wanted;                /* the responder behind the mailbox has to follow a reset */
    struct device *device;            /* NULL without a mailbox */
};

struct key_unit;

struct emu {
    pthread_mutex_t lock;
    FILE *trace;                      /* trace.h; NULL: not wanted */
    void (*about_to_wait)(void);      /* called by a thread before it waits for a completion; NULL: nobody cares */
    struct emu_function *functions;
    size_t count;
    struct fabric *fabric;            /* what the links carry */
    struct key_unit *key_units;       /* key_unit.h */
    size_t key_unit_count;
    struct platform_rot rot;
    /* told, without the lock, that a function and those below it came or went; NULL: nobody wants to know */
    void (*on_plug)(void *context, struct emu_function *f);
    void *on_plug_context;
};

/* Builds the functions; on failure says why in error[size]. Devices are added by device.h. */
bool emu_init(struct emu *emu, const struct platform *platform, char *error, size_t size);
void emu_free(struct emu *emu);

struct emu_function *emu_find(struct emu *emu, const struct pcie_bdf *bdf);

void emu_lock(struct emu *emu);
void emu_unlock(struct emu *emu);

/*
 * Configuration accesses of any size and alignment inside the space, as a host would split them: naturally aligned
 * accesses of at most a dword. The lock is taken in here.
 */
void emu_config_read(struct emu_function *f, unsigned offset, uint8_t *data, size_t n);
void emu_config_write(struct emu_function *f, unsigned offset, const uint8_t *data, size_t n);

/* Counts a read of the host's, at an offset. Lock held. */
void emu_count_read(struct emu_function *f, unsigned offset);

/* One access, inside a dword: its offset, value and enabled bytes as a mask. Lock held. */
void emu_config_write_dword(struct emu_function *f, unsigned offset, uint32_t value, uint32_t enabled);

/* Where BAR 0 is; whether the function decodes the address with it. Lock held. */
uint64_t emu_bar_base(const struct emu_function *f);
bool emu_bar_has(const struct emu_function *f, uint64_t address);

/*
 * A function-level reset: mailbox, IDE capability and keys as at the start, and the responder forgets its sessions. The
 * header and other capabilities stay: as the function looks once the operating system has restored them. Lock held.
 */
void emu_function_reset(struct emu_function *f);

/* Refreshes the registers that show the mailbox's state. Lock held. */
void emu_mailbox_show(struct emu_function *f);

#endif
