/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One request and what is said about it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tools/ide-ctl/ctl.h"
#include "tools/ide-ctl/feed.h"
#include "tools/ide-ctl/print.h"
#include "tools/ide-ctl/progress.h"
#include "tools/ide-ctl/signals.h"

static json_t *measurements_of(const struct ctl_measurements *m)
{
    json_t *object = json_object();
    if (m->index)
        json_object_set_new(object, "index", json_integer(m->index));
    if (m->is_unsigned)
        json_object_set_new(object, "signed", json_false());
    if (m->raw)
        json_object_set_new(object, "raw", json_true());
    if (m->in_session)
        json_object_set_new(object, "in_session", json_true());
    if (m->mel)
        json_object_set_new(object, "mel", json_true());
    if (m->ide_km)
        json_object_set_new(object, "ide_km", json_true());
    return object;
}

static json_t *request_of(const struct ctl *ctl, enum api_verb verb)
{
    json_t *request = json_pack("{s:s}", "verb", api_verb_row(verb)->name);
    if (ctl->has_bdf)
        json_object_set_new(request, "bdf", json_string(ctl->bdf));
    if (ctl->has_stream)
        json_object_set_new(request, "stream", json_integer(ctl->stream));
    if (ctl->wish)
        json_object_update(request, ctl->wish);
    if (ctl->measurements.is_given)
        json_object_set_new(request, "measurements", measurements_of(&ctl->measurements));
    if (ctl->cxl_mode)
        json_object_set_new(request, "mode", json_string(ctl->cxl_mode));
    if (ctl->cxl_generate)
        json_object_set_new(request, "generate", json_true());
    return request;
}

json_t *ctl_own_error(const char *code, json_t *message, const char *hint)
{
    return json_pack("{s:s, s:n, s:n, s:n, s:o, s:s}", "code", code, "step", "device", "field", "message",
                     message, "hint", hint);
}

static json_t *own_error(const char *code, const char *format, const char *argument, const char *hint)
{
    return ctl_own_error(code, json_sprintf(format, argument), hint);
}

static json_t *denied(const struct ctl *ctl)
{
    if (strncmp(ctl->endpoint, "tcp://", 6) != 0)
        return own_error("no_controller", "the socket %s is not for you", ctl->endpoint,
                         "be root, or have yourself added to the group ide-admin or ide-view");
    if (!ctl->key_file)
        return own_error("no_controller", "the controller at %s wants to know who we are", ctl->endpoint,
                         "give it a key: --key and --server-key");
    return own_error("no_controller", "the controller at %s does not take our key", ctl->endpoint,
                     "have it listed, `ide-ctl authorize` at its machine; and --server-key must be its key");
}

json_t *ctl_client_error(const struct ctl *ctl, enum ide_client_status status)
{
    switch (status) {
    case IDE_CLIENT_UNREACHABLE:
        return own_error("no_controller", "no controller answers at %s", ctl->endpoint,
                         "start it, `sudo ide-kmd`, or say where it is with --connect");
    case IDE_CLIENT_DENIED:
        return denied(ctl);
    case IDE_CLIENT_TIMEOUT:
        return own_error("timeout", "the controller at %s does not reply in time", ctl->endpoint,
                         "`ide-ctl show` tells how far it came; give it longer with --timeout");
    case IDE_CLIENT_PROTOCOL:
        return own_error("internal", "what answers at %s is no ide-kmd of this version", ctl->endpoint,
                         "use an ide-ctl of the controller's version");
    case IDE_CLIENT_ARGUMENT:
        return own_error("argument", "\"%s\" is neither ipc://PATH nor tcp://ADDRESS:PORT", ctl->endpoint,
                         "say where the controller listens with --connect");
    case IDE_CLIENT_OK:
    case IDE_CLIENT_INTERRUPTED:
    case IDE_CLIENT_INPUT:
    case IDE_CLIENT_LOST:
    case IDE_CLIENT_MEMORY:
        break;
    }
    return own_error("internal", "%s", ide_client_text(status), "try again");
}

static void print_failure(const struct ctl *ctl, const json_t *reply)
{
    if (ctl->json)
        print_json(reply);
    else
        print_error(stderr, json_object_get(reply, "error"));
}

void ctl_print_error(const struct ctl *ctl, json_t *error)
{
    json_t *reply = json_pack("{s:o}", "error", error);
    if (!ctl->json)
        make_printable(reply);
    print_failure(ctl, reply);
    json_decref(reply);
}

/* Who has ended meanwhile does not reply either. */
static enum ide_client_status why_silent(const struct ctl *ctl)
{
    struct ide_client *client;
    enum ide_client_status status = ctl_connect(ctl, &client);
    ide_client_close(client);
    return status == IDE_CLIENT_OK ? IDE_CLIENT_TIMEOUT : status;
}

enum ctl_status ctl_client_failed(const struct ctl *ctl, enum ide_client_status status)
{
    if (status == IDE_CLIENT_TIMEOUT)
        status = why_silent(ctl);
    ctl_print_error(ctl, ctl_client_error(ctl, status));
    return status == IDE_CLIENT_UNREACHABLE || status == IDE_CLIENT_DENIED ? CTL_NO_CONTROLLER : CTL_FAILED;
}

static enum ctl_status print_reply(const struct ctl *ctl, json_t *reply, void (*print)(const json_t *result))
{
    const json_t *result = json_object_get(reply, "result");
    bool failed = json_object_get(reply, "error") != NULL;
    if (failed) {
        json_object_del(reply, "v");
        json_object_del(reply, "id");
    }
    if (!ctl->json)
        make_printable(reply);
    if (ctl->json)
        print_json(failed ? reply : result);
    else if (result)
        print(result);
    if (failed && !ctl->json)
        print_error(stderr, json_object_get(reply, "error"));
    return failed ? CTL_FAILED : CTL_DONE;
}

enum ctl_status ctl_take_keys(struct ctl *ctl)
{
    char error[256];
    if (!ctl->key_file && !ctl->server_key)
        return CTL_DONE;
    if (!ctl->key_file || !ctl->server_key)
        return ctl_usage(ctl->command, "--key and --server-key go together");
    if (!ctl_public_key(ctl->server_key, ctl->keys.server))
        return ctl_usage(ctl->command, "--server-key is neither a CURVE key nor a file with one: %s",
                         ctl->server_key);
    if (ide_client_keys_read(&ctl->keys, ctl->key_file, error, sizeof error) != IDE_CLIENT_OK)
        return ctl_usage(ctl->command, "--key: %s", error);
    return CTL_DONE;
}

enum ide_client_status ctl_connect(const struct ctl *ctl, struct ide_client **client)
{
    const struct ide_client_options options = {.endpoint = ctl->endpoint,
                                               .keys = ctl->key_file ? &ctl->keys : NULL};
    return ide_client_open(client, &options);
}

enum ide_client_status ctl_ask(const struct ctl *ctl, json_t *request, json_t **reply)
{
    struct ide_client *client;
    enum ide_client_status status = ctl_connect(ctl, &client);
    if (status == IDE_CLIENT_OK)
        status = ide_client_call(client, request, ctl->timeout_ms, NULL, NULL, reply);
    json_decref(request);
    ide_client_close(client);
    return status;
}

/* ---- an operation, which can be interrupted ------------------------------------------ */

#define CANCEL_MS 5000u  /* to be told that the cancelling has begun */
#define UNDO_MS   60000u /* to be told that it is done */

struct call {
    const struct ctl *ctl;
    struct ide_client *client;
    char id[IDE_CLIENT_ID_SIZE];
    struct progress progress;
    struct signals signals;
    bool cancelled, left;
};

static bool on_event(void *context, const json_t *event)
{
    struct call *call = context;
    make_printable((json_t *)event); /* each is this function's alone */
    progress_take(&call->progress, event);
    return true;
}

/* The first interrupt has the controller undo what it began, and that is waited for; with the second the user
 * leaves. */
static enum ide_client_status interrupt(struct call *call)
{
    json_t *answer = NULL;
    int number = signals_take(&call->signals);
    if (number != SIGINT && number != SIGTERM)
        return IDE_CLIENT_OK;
    call->left = call->cancelled;
    if (call->left)
        return IDE_CLIENT_INTERRUPTED;
    call->cancelled = true;
    progress_say(&call->progress,
                 "Cancelling: what was begun is undone. Once more to leave it to the controller.");
    enum ide_client_status status = ide_client_cancel(call->client, call->id, CANCEL_MS, &answer);
    json_decref(answer); /* an error means that it is over already, and the reply is on its way */
    return status == IDE_CLIENT_INPUT ? IDE_CLIENT_OK : status;
}

static enum ide_client_status await(struct call *call, json_t **reply)
{
    enum ide_client_status status = IDE_CLIENT_INPUT;
    uint64_t deadline = feed_now_ms() + call->ctl->timeout_ms;
    ide_client_watch_fd(call->client, call->signals.fd);
    while (status == IDE_CLIENT_INPUT || status == IDE_CLIENT_INTERRUPTED) {
        uint64_t now = feed_now_ms();
        uint32_t left = deadline > now ? (uint32_t)(deadline - now) : 0;
        status = ide_client_wait(call->client, call->id, call->cancelled ? UNDO_MS : left,
                                 call->progress.form == PROGRESS_NONE ? NULL : on_event, call, reply);
        if (status == IDE_CLIENT_INPUT) {
            enum ide_client_status answer = interrupt(call);
            if (answer != IDE_CLIENT_OK)
                return answer;
        }
    }
    return status;
}

static enum ctl_status leave(const struct ctl *ctl)
{
    ctl_print_error(ctl,
                    ctl_own_error("cancelled", json_string("left while the controller undoes what was begun"),
                                  "`ide-ctl show` tells how far it came"));
    return CTL_FAILED;
}

static enum ide_client_status run_call(struct call *call, enum api_verb verb, json_t **reply)
{
    json_t *request = request_of(call->ctl, verb);
    enum ide_client_status status = ctl_connect(call->ctl, &call->client);
    if (status == IDE_CLIENT_OK &&
        call->progress.form != PROGRESS_NONE) /* first, so that no step is missed */
        status = ide_client_resume(call->client, call->ctl->timeout_ms, NULL, 0);
    if (status == IDE_CLIENT_OK)
        status = ide_client_send(call->client, request, call->id);
    json_decref(request);
    return status == IDE_CLIENT_OK ? await(call, reply) : status;
}

enum ctl_status ctl_call(const struct ctl *ctl, enum api_verb verb, bool is_operation,
                         void (*print)(const json_t *result))
{
    struct call call = {.ctl = ctl};
    json_t *reply = NULL;
    progress_open(&call.progress, ctl, is_operation);
    if (!signals_open(&call.signals, is_operation))
        return ctl_client_failed(ctl, IDE_CLIENT_MEMORY);
    enum ide_client_status status = run_call(&call, verb, &reply);
    ide_client_close(call.client);
    signals_close(&call.signals);
    progress_close(&call.progress);
    enum ctl_status end = CTL_FAILED;
    if (status == IDE_CLIENT_OK)
        end = print_reply(ctl, reply, print);
    else
        end = call.left ? leave(ctl) : ctl_client_failed(ctl, status);
    json_decref(reply);
    return end;
}
