/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device behind a function's mailbox: an SPDM and IDE_KM responder with its
 * identity, or an external one that it is bridged to. One data object in, one
 * out; every door of the function leads to the same responder.
 */
#ifndef IDE_EMU_DEVICE_H
#define IDE_EMU_DEVICE_H

#include <pthread.h>

#include "ide_km/responder.h"
#include "tools/ide-emu/bridge.h"
#include "tools/ide-emu/device_peer.h"
#include "tools/ide-emu/cxl_device.h"
#include "tools/ide-emu/emu.h"
#include "tools/ide-emu/identities.h"

#define DEVICE_SESSIONS 4u

/* The longest answer: a bridged responder may have a greater transfer size than ours. */
#define DEVICE_OBJECT_MAX 65536u

struct device {
    pthread_mutex_t lock;              /* guards all below; taken before the model's lock */
    struct emu_function *function;
    struct spdm_config config;
    struct drbg drbg;
    struct session sessions[DEVICE_SESSIONS];
    struct session_responder responder;
    struct ide_km_responder ide_km;
    struct cxl_device cxl;
    struct device_peer peer;
    struct credential credentials[IDENTITY_KINDS];   /* those with a fault are loaded when wanted */
    struct bridge *bridge;             /* NULL: the responder above answers */
    struct device_record {             /* the last secured answer, for replaying, and the present one */
        uint8_t data[DEVICE_OBJECT_MAX];
        size_t len;
    } records[2];
    unsigned last_record;              /* which of them is the last one */
    bool verbose;                      /* tell failures on stderr */

    pthread_t worker;                  /* answers what comes through the mailbox */
    bool stopping;                     /* with the model's lock */
    uint8_t answer[DEVICE_OBJECT_MAX]; /* the worker's own */
};

/* Makes the device of a function that has a mailbox, and starts its worker. On failure says why in error[size]. */
struct device *device_open(struct emu_function *f, const struct identities *identities, struct bridge *bridge,
                           bool verbose, char *error, size_t size);
void device_close(struct device *d);

enum answer_kind { ANSWER_OBJECT, ANSWER_NONE, ANSWER_ERROR };

/* What a device does with an object. The door that brought it waits delay_ms first. */
struct answer {
    enum answer_kind kind;
    size_t len;
    uint32_t delay_ms;
};

/* Answers one data object. cap should be DEVICE_OBJECT_MAX. From any thread; neither lock held. */
struct answer device_answer(struct device *d, const uint8_t *request, size_t len, uint8_t *response, size_t cap);

/* Loads the identity that a fault needs, so that turning it on cannot fail later. True for any other fault. */
bool device_prepare_fault(struct device *d, const struct identities *identities, enum fault_id fault, char *error,
                          size_t size);

#endif
