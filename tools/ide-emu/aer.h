/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The Advanced Error Reporting extended capability (PCIe 6.x §7.8.4) and what is told about errors beyond it.
 */
#ifndef IDE_EMU_AER_H
#define IDE_EMU_AER_H

#include "tools/ide-emu/config_space.h"
#include "tools/ide-emu/tlp.h"

/* Uncorrectable errors that the emulated link can have; the values are the status register's. */
enum aer_error {
    AER_COMPLETION_TIMEOUT = 1u << 14,
    AER_UNEXPECTED_COMPLETION = 1u << 16,
    AER_MALFORMED = 1u << 18,
    AER_UNSUPPORTED = 1u << 20,
    AER_IDE_CHECK_FAILED = 1u << 28,
    AER_MISROUTED_IDE = 1u << 29,
    AER_PCRC_CHECK_FAILED = 1u << 30,
};
const char *aer_error_name(enum aer_error error);

#define AER_TOLD      16u
#define AER_NO_STREAM (-1)

/* The last errors of a function with their reasons, which registers have no room for. */
struct aer_log {
    struct aer_entry {
        enum aer_error error;
        int stream_id;   /* or AER_NO_STREAM */
        const char *why; /* static */
    } last[AER_TOLD];
    uint64_t count; /* of all errors ever */
};

struct aer {
    uint16_t cap, exp_cap; /* offsets; cap 0: there was no room for the capability */
    bool root;
    struct aer_log log;
};

/* Adds the capability behind all others; a function without room does without. */
void aer_build(struct aer *aer, struct config_space *config, uint16_t exp_cap, bool root);

/* Logs an error; frame, if there is one, goes to the header and prefix logs if those are free. */
void aer_report(struct aer *aer, struct config_space *config, const struct aer_entry *entry,
                const struct frame *frame);

/* The root port got an error message of the function with this requester ID. */
void aer_root_received(struct aer *root, struct config_space *config, uint16_t rid, bool fatal);
/* Whether the function sends error messages for this error, and whether it is a fatal one. */
bool aer_sends_message(const struct aer *aer, const struct config_space *config, enum aer_error error,
                       bool *fatal);

#endif
