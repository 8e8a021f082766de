/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/failure.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void start(struct failure *f, enum ide_err err, const char *step, const char *field)
{
    *f = (struct failure){.err = err, .step = step};
    f->fault.err = err;
    snprintf(f->field, sizeof f->field, "%s", field ? field : "");
}

enum ide_err failure_set(struct failure *f, enum ide_err err, const char *step, const char *field,
                         const char *format, ...)
{
    va_list args;
    start(f, err, step, field);
    va_start(args, format);
    vsnprintf(f->message, sizeof f->message, format, args);
    va_end(args);
    return err;
}

enum ide_err failure_device(struct failure *f, enum ide_err err, const char *step,
                            const struct pcie_bdf *device, const char *format, ...)
{
    va_list args;
    start(f, err, step, NULL);
    f->has_device = true;
    f->device = *device;
    va_start(args, format);
    vsnprintf(f->message, sizeof f->message, format, args);
    va_end(args);
    return err;
}

enum ide_err failure_fault(struct failure *f, const char *step, const struct pcie_bdf *device,
                           const struct ide_fault *fault)
{
    start(f, fault->err, step, fault->field);
    f->fault = *fault;
    if (device) {
        f->has_device = true;
        f->device = *device;
    }
    ide_fault_text(fault, f->message, sizeof f->message);
    return fault->err;
}

/* What to do next, by error. The first row that fits; step NULL fits all, and so does IDE_OK. */
static const struct hint {
    enum ide_err err;
    const char *step;
    const char *text;
} hints[] = {
    /* of settings, which a start and --check tell of */
    {IDE_E_ARGUMENT, "listen",
     "say ipc:///run/ide-kmd/control, or another path, in listen, and tcp://ADDRESS:PORT in listen-tcp: "
     "ide-kmd(8)"},
    {IDE_E_UNSUPPORTED, "listen",
     "listen at a path (ipc://) only, or have a libzmq that is built with CURVE"},
    {IDE_E_KEY, "listen", "make them with `ide-ctl keygen FILE`, and name FILE with --server-key"},
    {IDE_E_BUSY, "listen", "end the other one first, or let this one listen at another path with --listen"},
    {IDE_E_IO, "listen",
     "name a path in a folder that is there, or one of this machine's addresses (`ip addr`) and two ports "
     "in a row that nobody else listens at (`ss -ltn`)"},
    {IDE_E_ARGUMENT, "metrics", "say 127.0.0.1:9468, for one, or /run/ide-kmd/metrics"},
    {IDE_E_IO, "metrics",
     "name a path in a folder that is there, or a port that nobody else listens at (`ss -ltn`)"},
    {IDE_OK, "message-log",
     "name a file in a folder that is there, and that ide-kmd may write to; --message-log"},
    {IDE_E_BUSY, "state", "end the other one first, or name another file with --state"},
    {IDE_E_STORE, "state",
     "ide-kmd(8), STATE: name a file that can be written with --state, or make room; a damaged one is kept "
     "aside with --new-state"},
    {IDE_OK, "sysfs",
     "name a tree like /sys/bus/pci, such as the one that ide-emu mounts, or leave sysfs out"},
    {IDE_E_ACCESS, "keys",
     "the key unit's registers are reached through physical memory: leave memory out, or name a file that "
     "may be read and written"},
    {IDE_OK, "keys",
     "name the ACPI table KEYP with --keyp, or let root ports have their keys from elsewhere with "
     "--provider"},
    {IDE_OK, "authorized", "mend the line, or have `ide-ctl authorize` write the list"},
    {IDE_E_ACCESS, "credentials",
     "give the file to the user that ide-kmd runs as, and to nobody else: chmod 600"},
    {IDE_OK, "credentials",
     "ide-kmd(8) says what must be in the files of --identity, --psk and --public-keys"},
    {IDE_E_ARGUMENT, "request", "see docs/api.md for what a request looks like"},
    {IDE_E_LONG, "request", "see docs/api.md for what a request looks like"},
    {IDE_E_UNSUPPORTED, "request",
     "see docs/api.md for the verbs, and whether client and controller are of one version"},
    {IDE_E_VERSION, "request", "use a client of the controller's version"},
    {IDE_E_STREAM_RANGE, NULL, "choose a stream number from 0 to 254"},
    {IDE_E_NO_DEVICE, NULL, "`ide-ctl list` shows the functions there are"},
    {IDE_E_NOT_PORT, NULL, "name a root port or an endpoint: `ide-ctl list` shows which there are"},
    {IDE_E_AMBIGUOUS, NULL, "name the endpoint instead of the root port"},
    {IDE_E_NO_PARTNER, NULL,
     "a stream needs an endpoint below a root port: `ide-ctl list` shows what hangs where"},
    {IDE_E_NO_DOE, NULL,
     "without a DOE mailbox that carries CMA/SPDM and secured messages the port can be given no keys; "
     "`lspci -vvv` shows what it has, and its firmware may have to turn them on"},
    {IDE_E_NO_IDE, NULL, "both ends need the IDE extended capability; firmware may have to turn it on"},
    {IDE_E_STREAM_USED, NULL, "choose another number with --stream, or stop the stream first"},
    {IDE_E_NO_STREAM, NULL, "`ide-ctl show` lists the streams there are"},
    {IDE_E_FOREIGN, NULL,
     "whoever set the stream up, the kernel or an earlier controller, has to turn it off: the kernel when "
     "the device's tsm/disconnect is written to; a reset of the ports does too"},
    {IDE_E_RESOURCES, NULL, "stop another stream of this port first"},
    {IDE_E_NO_TRUST, NULL,
     "put the root certificates of the devices' makers (PEM or DER: *.pem, *.crt, *.cer, *.der) into "
     "the folder that ide-kmd was given with --trust"},
    {IDE_E_UNTRUSTED, NULL,
     "if this device is to be trusted, put its root certificate into the folder that ide-kmd was "
     "given with --trust"},
    {IDE_E_CHAIN, NULL, "the device's certificate chain has to be provisioned anew"},
    {IDE_E_NO_CERT, NULL, "the device has to be provisioned with a certificate chain in slot 0"},
    {IDE_E_EXPIRED, NULL, "check this machine's clock; if it is right, the device needs a new certificate"},
    {IDE_E_USAGE, NULL, "the device's certificate was not made for this; it has to be provisioned anew"},
    {IDE_E_NAME, NULL,
     "a certificate that names another device may mean that the device is not what it says it is; for "
     "devices without any CMA name there is ide-kmd --allow-unnamed"},
    {IDE_E_MEASUREMENT, NULL,
     "the device runs, or is, something else than the reference values say: do not trust it, or look whether "
     "they are for this version of its firmware"},
    {IDE_E_NO_REFERENCE, "reference", "see REFERENCE VALUES in ide-kmd(8)"},
    {IDE_E_NO_REFERENCE, NULL,
     "put the device's reference values where ide-kmd --reference says; `ide-ctl --json attest` shows what it "
     "measures"},
    {IDE_E_SIGNATURE, NULL,
     "the device did not prove its identity: do not trust it; try again after a reset"},
    {IDE_E_HMAC, NULL,
     "the device did not prove that it shares the secret: do not trust it; try again after a reset"},
    {IDE_E_RECORD, NULL, "someone may be altering the messages, or the device lost its session: try again"},
    {IDE_E_SESSION, "program_keys",
     "the session that keyed the stream is gone: stop the stream and establish it again"},
    {IDE_E_SESSION, NULL, "the device ended its session: try again"},
    {IDE_E_PROVIDER, NULL,
     "`ide-ctl list` shows the root ports; ide-kmd --provider auto lets each have what serves it"},
    {IDE_E_TIMEOUT, "program_keys",
     "the port or its key unit may hang: try again, with a longer ide-kmd --timeout if it is slow, or reset it"},
    {IDE_E_TIMEOUT, NULL,
     "the device may hang: try again, with a longer ide-kmd --timeout if it is slow, or reset it"},
    {IDE_E_BUSY, NULL, "try again later"},
    {IDE_E_DOE_BUSY, NULL, "someone else, firmware or the kernel, keeps the mailbox: try again later"},
    {IDE_E_DOE_ERROR, NULL, "try again; if it stays so, reset the device"},
    {IDE_E_DOE_ABORT, NULL, "reset the device"},
    {IDE_E_DOE_LENGTH, NULL, "the device does not follow the DOE specification: look for a firmware update"},
    {IDE_E_DOE_TYPE, NULL, "the device does not follow the DOE specification: look for a firmware update"},
    {IDE_E_VERSION, "session",
     "a stream needs a session, and sessions came with SPDM 1.1: look for a firmware update"},
    {IDE_E_VERSION, NULL,
     "the device speaks no SPDM version that this controller speaks: look for a firmware update, or "
     "at ide-kmd --spdm-versions"},
    {IDE_E_NO_COMMON, NULL,
     "the device has none of the algorithms that ide-kmd may use: see its --algorithms and --strength"},
    {IDE_E_NOT_OFFERED, NULL, "the device does not follow the specification: do not trust it"},
    {IDE_E_CAPABILITY, NULL,
     "the device cannot do this: look for a firmware update or a setting that turns it on"},
    {IDE_E_PEER_ERROR, NULL,
     "the code says why the device refused; try again after a reset if it makes no sense"},
    {IDE_E_KM_REFUSED, NULL,
     "the port refused the key: see the status; a reset of the port frees what is in use"},
    {IDE_E_KM_MISMATCH, NULL,
     "the device does not follow the IDE_KM specification: look for a firmware update; "
     "if it only does not know its own number there is ide-kmd --allow-wrong-bdf"},
    {IDE_E_INSECURE, NULL,
     "both ports took their keys, and the stream did not come up: look for what is between them; "
     "`lspci -vvv` shows errors that the ports have logged"},
    {IDE_E_REGISTER, NULL,
     "the port does not take a setting that it says it supports: look for a firmware update"},
    {IDE_E_IO, NULL, "the device may be gone: `ide-ctl list` shows whether it is there"},
    {IDE_E_ACCESS, "authenticate",
     "the key unit's registers are reached through physical memory, which the kernel may forbid; check --memory"},
    {IDE_E_ACCESS, "cxl_look",
     "the key unit's registers are reached through physical memory, which the kernel may forbid; check --memory"},
    {IDE_E_ACCESS, NULL, "configuration space beyond the header is for root only; check --sysfs"},
    {IDE_E_SHORT, NULL, "the device does not follow the specification: look for a firmware update"},
    {IDE_E_LONG, NULL, "the device does not follow the specification: look for a firmware update"},
    {IDE_E_FIELD, NULL, "the device does not follow the specification: look for a firmware update"},
    {IDE_E_UNEXPECTED, NULL, "the device does not follow the specification: try again after a reset"},
    {IDE_E_CANCELLED, "request", "try again when the controller runs again"},
    {IDE_E_CANCELLED, NULL, "ask again if it is wanted after all"},
    {IDE_E_PERMISSION, NULL,
     "be root, or have yourself added to the group; over tcp, have the key listed: `ide-ctl authorize`"},
    {IDE_E_GONE, NULL, "take a new snapshot, and go on from there"},
    {IDE_E_STATE, "request", "wait for its reply, which says how it ended"},
    {IDE_E_STORE, NULL,
     "make room for the state file: without it nobody could put in order what a kill leaves; ide-kmd(8), "
     "STATE"},
    {IDE_E_KEY, NULL,
     "the device does not follow the specification: do not trust it; look for a firmware update"},
    {IDE_E_SEQUENCE, NULL,
     "someone may be repeating, holding back or dropping the session's messages, or the device lost count: "
     "stop the stream and establish it again"},
    {IDE_E_LIMIT, NULL,
     "a counter of the session or its keys has come to its end: stop the stream and establish it again"},
    {IDE_E_RESET, NULL, "reset the device; it finishes this on its way up again"},
    {IDE_E_NOT_READY, NULL,
     "the device needs more time than it may take: try again, with a longer ide-kmd --timeout if it is slow"},
    {IDE_E_SPACE, NULL,
     "the device's message is longer than ide-kmd has room for: look for a firmware update"},
    {IDE_E_MEMORY, NULL,
     "free memory of this machine, or raise the limit that ide-kmd has (MemoryMax=, ulimit -v)"},
    {IDE_E_RANDOM, NULL,
     "without random numbers there are no keys: see whether the kernel's generator works (/dev/urandom, "
     "dmesg)"},
    {IDE_E_CRYPTO, NULL,
     "try again; if it stays so, the wolfSSL that ide-kmd was built with may lack the algorithm: see "
     "--algorithms"},
    {IDE_E_STATE, NULL, "something else goes on with the port or the session: try again when it is over"},
    {IDE_E_UNSUPPORTED, NULL,
     "this build or the device does not have it: `ide-ctl doctor` shows what the device has"},
    {IDE_E_ARGUMENT, NULL, "see docs/api.md, or the manual page, for what is allowed there"},
    {IDE_E_INTERNAL, NULL,
     "this is an error of ide-kmd: please report it with what `ide-ctl log` shows of it"},
};

/* What an SPDM ERROR in answer to a request means. */
static const struct {
    const char *exchange, *text;
} peer_error_hints[] = {
    {"NEGOTIATE_ALGORITHMS",
     "the device has none of the algorithms that ide-kmd may use: see its --algorithms and --strength"},
    {"KEY_EXCHANGE", "the code says why the device refused: it may have none of the versions of secured "
                     "messages that ide-kmd offers, see its --secured-versions"},
    {"QUERY", "the code says why the device refused: another session may have keyed the port; if that is one that "
              "was lost, stop all streams that it keyed and establish them again"},
};

/* What no firmware update gives. */
static const struct {
    const char *field, *text;
} capability_hints[] = {
    {"Number of Address Association Register Blocks",
     "how many addresses a stream can have is the root port's hardware: put the device right below a root port, or "
     "have firmware give it one memory window only"},
};

const char *failure_hint(const struct failure *f)
{
    for (size_t i = 0; f->err == IDE_E_CAPABILITY && i < sizeof capability_hints / sizeof *capability_hints; i++)
        if (strcmp(capability_hints[i].field, f->field) == 0)
            return capability_hints[i].text;
    for (size_t i = 0; f->err == IDE_E_PEER_ERROR && i < sizeof peer_error_hints / sizeof *peer_error_hints; i++)
        if (f->fault.step && strcmp(peer_error_hints[i].exchange, f->fault.step) == 0)
            return peer_error_hints[i].text;
    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++)
        if ((hints[i].err == f->err || (hints[i].err == IDE_OK && f->err != IDE_OK)) &&
            (!hints[i].step || (f->step && strcmp(hints[i].step, f->step) == 0)))
            return hints[i].text;
    return "";
}

static void set_text(json_t *object, const char *name, const char *text)
{
    json_object_set_new(object, name, text && *text ? json_string(text) : json_null());
}

static json_t *value_json(const struct measurement_value *v)
{
    char text[2 * sizeof v->bytes + 1] = "";
    for (size_t i = 0; i < v->len && i < sizeof v->bytes; i++)
        snprintf(text + 2 * i, 3, "%02x", v->bytes[i]);
    return json_string(text);
}

static json_t *mismatch_json(const struct measurement_mismatch *m)
{
    json_t *expected = json_array();
    for (size_t i = 0; i < m->expected_count; i++)
        json_array_append_new(expected, value_json(&m->expected[i]));
    return json_pack("{s:i, s:o, s:o}", "index", (int)m->index, "got",
                     m->got.len ? value_json(&m->got) : json_null(), "expected", expected);
}

json_t *failure_json(const struct failure *f)
{
    char bdf[PCIE_BDF_TEXT];
    json_t *object = json_object();
    set_text(object, "code", ide_err_name(f->err));
    set_text(object, "step", f->step);
    set_text(object, "device", f->has_device ? pcie_bdf_format(&f->device, bdf) : NULL);
    set_text(object, "field", f->field);
    set_text(object, "message", f->message);
    set_text(object, "hint", failure_hint(f));
    set_text(object, "exchange", f->fault.step);
    if (f->fault.has_values) {
        json_object_set_new(object, "got", json_integer((json_int_t)f->fault.got));
        json_object_set_new(object, "want", json_integer((json_int_t)f->fault.want));
    }
    if (f->mismatch.index)
        json_object_set_new(object, "measurement", mismatch_json(&f->mismatch));
    if (f->fault.peer_code) {
        json_object_set_new(object, "peer_code", json_integer(f->fault.peer_code));
        json_object_set_new(object, "peer_data", json_integer(f->fault.peer_data));
    }
    return object;
}
