/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/aer.h"

#include <string.h>

#include "root_port/pcie_config.h"

#define EXT_CAP_ID_AER            0x0001u
#define AER_VERSION               2u
#define AER_UNCOR_STATUS          0x04u
#define AER_UNCOR_MASK            0x08u
#define AER_UNCOR_SEVERITY        0x0cu
#define AER_COR_STATUS            0x10u
#define AER_COR_MASK              0x14u
#define AER_CAP                   0x18u
#define AER_CAP_FIRST             0x0000001fu
#define AER_CAP_PREFIX_PRESENT    0x00000800u
#define AER_HEADER_LOG            0x1cu
#define AER_ROOT_COMMAND          0x2cu
#define AER_ROOT_COMMAND_WRITABLE 0x00000007u
#define AER_ROOT_STATUS           0x30u
#define AER_ROOT_STATUS_CLEARABLE 0x0000007fu
#define AER_ROOT_UNCOR            0x00000004u
#define AER_ROOT_MULTI_UNCOR      0x00000008u
#define AER_ROOT_FIRST_FATAL      0x00000010u
#define AER_ROOT_NONFATAL         0x00000020u
#define AER_ROOT_FATAL            0x00000040u
#define AER_SOURCE                0x34u
#define AER_PREFIX_LOG            0x38u
#define AER_SIZE                  0x48u

#define UNCOR_ALL                                                                                            \
    (AER_COMPLETION_TIMEOUT | AER_UNEXPECTED_COMPLETION | AER_MALFORMED | AER_UNSUPPORTED |                  \
     AER_IDE_CHECK_FAILED | AER_MISROUTED_IDE | AER_PCRC_CHECK_FAILED)
/* Which are fatal after a reset: data link protocol, surprise down, flow control, overflow, malformed; IDE
 * Check Failed. */
#define SEVERITY_RESET    (0x00062030u | AER_IDE_CHECK_FAILED)
#define SEVERITY_WRITABLE (0x00062030u | UNCOR_ALL)

/* Device Control enables the messages, Device Status says that there was something (§7.5.3.4). */
#define EXP_DEVCTL             0x08u
#define EXP_DEVCTL_NONFATAL    0x0002u
#define EXP_DEVCTL_FATAL       0x0004u
#define EXP_DEVSTA             0x0au
#define EXP_DEVSTA_NONFATAL    0x0002u
#define EXP_DEVSTA_FATAL       0x0004u
#define EXP_DEVSTA_UNSUPPORTED 0x0008u

const char *aer_error_name(enum aer_error error)
{
    switch (error) {
    case AER_COMPLETION_TIMEOUT:
        return "completion-timeout";
    case AER_UNEXPECTED_COMPLETION:
        return "unexpected-completion";
    case AER_MALFORMED:
        return "malformed";
    case AER_UNSUPPORTED:
        return "unsupported-request";
    case AER_IDE_CHECK_FAILED:
        return "ide-check-failed";
    case AER_MISROUTED_IDE:
        return "misrouted-ide";
    case AER_PCRC_CHECK_FAILED:
        return "pcrc-check-failed";
    }
    return "unknown";
}

void aer_build(struct aer *aer, struct config_space *config, uint16_t exp_cap, bool root)
{
    *aer = (struct aer){.exp_cap = exp_cap, .root = root};
    unsigned at = config_add_ext_cap(config, EXT_CAP_ID_AER, AER_VERSION, AER_SIZE);
    aer->cap = (uint16_t)at;
    if (!at)
        return;
    config_clearable(config, at + AER_UNCOR_STATUS, UNCOR_ALL);
    config_writable(config, at + AER_UNCOR_MASK, UNCOR_ALL);
    config_put32(config, at + AER_UNCOR_SEVERITY, SEVERITY_RESET);
    config_writable(config, at + AER_UNCOR_SEVERITY, SEVERITY_WRITABLE);
    if (root) {
        config_writable(config, at + AER_ROOT_COMMAND, AER_ROOT_COMMAND_WRITABLE);
        config_clearable(config, at + AER_ROOT_STATUS, AER_ROOT_STATUS_CLEARABLE);
    }
}

static bool is_fatal(const struct aer *aer, const struct config_space *config, enum aer_error error)
{
    uint32_t severity = aer->cap ? config_get32(config, aer->cap + AER_UNCOR_SEVERITY) : SEVERITY_RESET;
    return severity & (uint32_t)error;
}

static void log_dwords(struct config_space *config, unsigned at, const uint8_t *bytes, size_t n)
{
    /* a log's first byte is the most significant of its first dword (§7.8.4.8) */
    for (size_t i = 0; i + 4 <= n; i += 4)
        config_put32(config, at + (unsigned)i,
                     (uint32_t)bytes[i] << 24 | (uint32_t)bytes[i + 1] << 16 | (uint32_t)bytes[i + 2] << 8 |
                         bytes[i + 3]);
}

static void log_frame(const struct aer *aer, struct config_space *config, const struct frame *frame)
{
    static const uint8_t zeros[16];
    size_t prefix = frame->len > TLP_PREFIX_SIZE && frame->data[0] & 0x80 ? TLP_PREFIX_SIZE : 0;
    size_t header = frame->len - prefix < TLP_HEADER_MAX ? frame->len - prefix : TLP_HEADER_MAX;
    log_dwords(config, aer->cap + AER_HEADER_LOG, zeros, sizeof zeros);
    log_dwords(config, aer->cap + AER_PREFIX_LOG, zeros, sizeof zeros);
    log_dwords(config, aer->cap + AER_HEADER_LOG, frame->data + prefix, header);
    log_dwords(config, aer->cap + AER_PREFIX_LOG, frame->data, prefix);
    uint32_t cap = config_get32(config, aer->cap + AER_CAP) & ~AER_CAP_PREFIX_PRESENT;
    config_put32(config, aer->cap + AER_CAP, cap | (prefix ? AER_CAP_PREFIX_PRESENT : 0));
}

static unsigned bit_number(uint32_t bit)
{
    unsigned n = 0;
    while (bit >>= 1)
        n++;
    return n;
}

static void set_status(const struct aer *aer, struct config_space *config, const struct aer_entry *entry,
                       const struct frame *frame)
{
    uint32_t status = config_get32(config, aer->cap + AER_UNCOR_STATUS);
    bool masked = config_get32(config, aer->cap + AER_UNCOR_MASK) & (uint32_t)entry->error;
    config_put32(config, aer->cap + AER_UNCOR_STATUS, status | (uint32_t)entry->error);
    /* the first error that is not masked owns pointer and logs until software clears it */
    uint32_t cap = config_get32(config, aer->cap + AER_CAP);
    bool free_log = !(status & (1u << field_get(AER_CAP_FIRST, cap)));
    if (masked || !free_log)
        return;
    config_put32(config, aer->cap + AER_CAP, (cap & ~AER_CAP_FIRST) | bit_number((uint32_t)entry->error));
    if (frame)
        log_frame(aer, config, frame);
}

void aer_report(struct aer *aer, struct config_space *config, const struct aer_entry *entry,
                const struct frame *frame)
{
    aer->log.last[aer->log.count++ % AER_TOLD] = *entry;
    uint16_t status = config_get16(config, aer->exp_cap + EXP_DEVSTA);
    status |= is_fatal(aer, config, entry->error) ? EXP_DEVSTA_FATAL : EXP_DEVSTA_NONFATAL;
    status |= entry->error == AER_UNSUPPORTED ? EXP_DEVSTA_UNSUPPORTED : 0;
    config_put16(config, aer->exp_cap + EXP_DEVSTA, status);
    if (aer->cap)
        set_status(aer, config, entry, frame);
}

bool aer_sends_message(const struct aer *aer, const struct config_space *config, enum aer_error error,
                       bool *fatal)
{
    uint32_t mask = aer->cap ? config_get32(config, aer->cap + AER_UNCOR_MASK) : 0;
    *fatal = is_fatal(aer, config, error);
    uint16_t enables = config_get16(config, aer->exp_cap + EXP_DEVCTL);
    return !(mask & (uint32_t)error) && (enables & (*fatal ? EXP_DEVCTL_FATAL : EXP_DEVCTL_NONFATAL));
}

void aer_root_received(struct aer *root, struct config_space *config, uint16_t rid, bool fatal)
{
    if (!root->cap)
        return;
    uint32_t status = config_get32(config, root->cap + AER_ROOT_STATUS);
    if (status & AER_ROOT_UNCOR)
        status |= AER_ROOT_MULTI_UNCOR;
    else
        config_put16(config, root->cap + AER_SOURCE + 2, rid);
    if (!(status & AER_ROOT_UNCOR) && fatal)
        status |= AER_ROOT_FIRST_FATAL;
    status |= AER_ROOT_UNCOR | (fatal ? AER_ROOT_FATAL : AER_ROOT_NONFATAL);
    config_put32(config, root->cap + AER_ROOT_STATUS, status);
}
