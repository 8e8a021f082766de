/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What has an order between the two ends of a stream. */
#include "root_port/ide_stream.h"

#define STEP_DISABLE "IDE stream disable"
#define STEP_SECURE  "IDE stream secure"

/* Keeps the first failure: later ones are mostly its consequences. */
static enum ide_err keep_first(struct ide_pair *pair, enum ide_err first, enum ide_err err, enum ide_end end)
{
    if (first != IDE_OK || err == IDE_OK)
        return first;
    pair->failed = end;
    return err;
}

/* The fault to fill: the caller's until there is something in it. */
static struct ide_fault *fault_or(enum ide_err first, struct ide_fault *fault, struct ide_fault *later)
{
    return first == IDE_OK ? fault : later;
}

static enum ide_err key_unit_enable(struct ide_pair *pair, bool on, struct ide_fault *fault)
{
    const struct ide_key_unit *unit = &pair->key_unit;
    if (!unit->enable || (!on && !pair->key_unit_on))
        return IDE_OK;
    pair->key_unit_on = true; /* also if it fails: it is to be undone */
    uint8_t id = (uint8_t)field_get(PCIE_IDE_STREAM_CTL_ID, pair->root_port.regs.control);
    enum ide_err err = unit->enable(unit->context, id, on, fault);
    if (err == IDE_OK)
        pair->key_unit_on = on;
    return err;
}

enum ide_err ide_pair_enable(struct ide_pair *pair, struct ide_fault *fault)
{
    pair->failed = IDE_END_NONE;
    enum ide_err err = keep_first(pair, IDE_OK, ide_stream_enable(&pair->endpoint, fault), IDE_END_ENDPOINT);
    if (err == IDE_OK)
        err = keep_first(pair, IDE_OK, key_unit_enable(pair, true, fault), IDE_END_KEY_UNIT);
    if (err == IDE_OK)
        err = keep_first(pair, IDE_OK, ide_stream_enable(&pair->root_port, fault), IDE_END_ROOT_PORT);
    if (err != IDE_OK) {
        struct ide_fault later;
        enum ide_end failed = pair->failed;
        enum ide_err undone = ide_pair_disable(pair, &later);
        (void)undone; /* the first failure is the one to tell */
        pair->failed = failed;
    }
    return err;
}

/* One that is on all the same is to be disabled again. */
static enum ide_err read_off(struct ide_stream *stream, struct ide_fault *fault)
{
    struct ide_block_state state;
    enum ide_err err = ide_stream_status(stream, &state, fault);
    if (err == IDE_OK && state.use == IDE_USE_ENABLED) {
        stream->enabled = true;
        err = ide_fail(fault, IDE_E_REGISTER, STEP_DISABLE, "IDE Stream Control");
    }
    return err;
}

/* A stream that was never set up has nothing to be read back. */
static enum ide_err check_off(struct ide_stream *stream, struct ide_fault *fault)
{
    return stream->set_up ? read_off(stream, fault) : IDE_OK;
}

/* The endpoint is read only if the root port is off: otherwise the read may never be answered. */
static enum ide_err check_both_off(struct ide_pair *pair, struct ide_fault *fault)
{
    enum ide_err err = keep_first(pair, IDE_OK, check_off(&pair->root_port, fault), IDE_END_ROOT_PORT);
    if (err != IDE_OK)
        return err;
    return keep_first(pair, IDE_OK, check_off(&pair->endpoint, fault), IDE_END_ENDPOINT);
}

enum ide_err ide_pair_disable(struct ide_pair *pair, struct ide_fault *fault)
{
    struct ide_fault later, unit_fault = {0};
    pair->failed = IDE_END_NONE;
    enum ide_err root = ide_stream_disable(&pair->root_port, fault);
    enum ide_err unit = key_unit_enable(pair, false, &unit_fault);
    enum ide_err endpoint = ide_stream_disable(&pair->endpoint, fault_or(root, fault, &later));
    enum ide_err err = keep_first(pair, IDE_OK, root, IDE_END_ROOT_PORT);
    err = keep_first(pair, err, endpoint, IDE_END_ENDPOINT);
    if (err == IDE_OK)
        err = check_both_off(pair, fault);
    if (err == IDE_OK && unit != IDE_OK)
        *fault = unit_fault;
    return keep_first(pair, err, unit, IDE_END_KEY_UNIT);
}

/* An end that was disabled and is on all the same is not believed again. */
static enum ide_err release_end(struct ide_stream *stream, struct ide_fault *fault)
{
    bool was_on = stream->enabled;
    enum ide_err err = ide_stream_release(stream, fault);
    if (err != IDE_OK || !was_on)
        return err;
    err = read_off(stream, fault);
    stream->set_up = err != IDE_OK;
    return err;
}

enum ide_err ide_pair_release(struct ide_pair *pair, struct ide_fault *fault)
{
    struct ide_fault later, unit_fault = {0};
    enum ide_err err = ide_pair_disable(pair, fault), unit = IDE_OK;
    if (pair->failed == IDE_END_KEY_UNIT) { /* the ports are off */
        unit = err;
        unit_fault = *fault;
        err = IDE_OK;
    }
    err =
        keep_first(pair, err, release_end(&pair->root_port, fault_or(err, fault, &later)), IDE_END_ROOT_PORT);
    err = keep_first(pair, err, release_end(&pair->endpoint, fault_or(err, fault, &later)), IDE_END_ENDPOINT);
    if (err == IDE_OK && unit != IDE_OK)
        *fault = unit_fault;
    return keep_first(pair, err, unit, IDE_END_KEY_UNIT);
}

/* Waits for one end within what is left of the time. */
static enum ide_err wait_end(const struct ide_stream *stream, struct bounded_wait *wait,
                             struct ide_fault *fault)
{
    for (;;) {
        struct ide_block_state state;
        /* an end that does not answer may do so yet: with the stream half up completions get lost */
        enum ide_err err = ide_stream_status(stream, &state, fault);
        if (err != IDE_OK && err != IDE_E_IO)
            return err;
        if (err == IDE_OK && state.fail_received)
            return ide_fail(fault, IDE_E_INSECURE, STEP_SECURE, "Received IDE Fail Message");
        if (err == IDE_OK && state.state == PCIE_IDE_STATE_SECURE)
            return IDE_OK;
        enum ide_err waited = wait_pause(wait);
        if (waited == IDE_E_CANCELLED)
            return ide_fail(fault, waited, STEP_SECURE, NULL);
        if (waited != IDE_OK && err == IDE_OK)
            return ide_fail_value(fault, IDE_E_INSECURE, STEP_SECURE, "IDE Stream State", state.state,
                                  PCIE_IDE_STATE_SECURE);
        if (waited != IDE_OK)
            return err;
    }
}

enum ide_err ide_pair_wait_secure(struct ide_pair *pair, const struct wait_ops *ops, uint32_t timeout_ms,
                                  struct ide_fault *fault)
{
    struct bounded_wait wait = wait_start(ops, timeout_ms);
    pair->failed = IDE_END_NONE;
    enum ide_err err = keep_first(pair, IDE_OK, wait_end(&pair->root_port, &wait, fault), IDE_END_ROOT_PORT);
    if (err != IDE_OK)
        return err;
    return keep_first(pair, IDE_OK, wait_end(&pair->endpoint, &wait, fault), IDE_END_ENDPOINT);
}
