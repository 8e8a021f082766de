/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ide-ctl monitor: events as they come, until interrupted. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tools/ide-ctl/ctl.h"
#include "tools/ide-ctl/print.h"

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

/* No SA_RESTART: the wait for the next event ends. */
static void take_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static void print_time(void)
{
    char text[16];
    time_t now = time(NULL);
    struct tm tm;
    strftime(text, sizeof text, "%H:%M:%S", localtime_r(&now, &tm));
    printf("%s  ", text);
}

/* "stream 0 0000:00:03.0 - 0000:01:00.0" */
static void print_subject(const json_t *event)
{
    if (json_is_integer(json_object_get(event, "stream")))
        printf("stream %lld  ", number_of(event, "stream"));
    printf("%s - %s  %s", text_of(event, "root_port"), text_of(event, "endpoint"),
           text_of(event, "operation"));
}

static void print_event(const json_t *event)
{
    const char *kind = text_of(event, "event"), *state = text_of(event, "state");
    print_time();
    print_subject(event);
    if (strcmp(kind, "step") == 0)
        printf(": %s %s: %s%s%s", text_of(event, "device"), text_of(event, "step"), state,
               strcmp(state, "failed") == 0 ? ": " : "",
               strcmp(state, "failed") == 0 ? text_of(event, "message") : "");
    else if (strcmp(kind, "stream") == 0)
        printf(": the stream is %s, key set %lld", state_text(state), number_of(event, "key_set"));
    else
        printf(" %s", state);
    putchar('\n');
}

static void print_line(const json_t *event)
{
    json_dumpf(event, stdout, JSON_COMPACT);
    putchar('\n');
}

/* From here on nothing is missed. */
static void print_hello(const struct ctl *ctl, const struct ide_client *client)
{
    const char *instance;
    ide_client_position(client, &instance);
    if (ctl->json) {
        printf("{\"v\":%d,\"event\":\"hello\",\"instance\":\"%s\"}\n", API_VERSION, instance);
    } else {
        print_time();
        printf("connected\n");
    }
    fflush(stdout);
}

static enum ide_client_status print_next(const struct ctl *ctl, struct ide_client *client)
{
    json_t *event;
    enum ide_client_status status = ide_client_next_event(client, IDE_CLIENT_FOREVER, &event);
    if (status == IDE_CLIENT_LOST) /* as it is a stream of events, there is nothing to do but to go on */
        return ide_client_resume(client, ctl->timeout_ms, NULL, 0);
    if (status == IDE_CLIENT_OK)
        (ctl->json ? print_line : print_event)(event);
    json_decref(event);
    fflush(stdout);
    return status;
}

enum ctl_status command_monitor(const struct ctl *ctl)
{
    struct ide_client *client;
    take_signals();
    enum ide_client_status status = ctl_connect(ctl, &client);
    if (status == IDE_CLIENT_OK)
        status = ide_client_resume(client, ctl->timeout_ms, NULL, 0);
    if (status == IDE_CLIENT_OK)
        print_hello(ctl, client);
    while (status == IDE_CLIENT_OK && !stopped)
        status = print_next(ctl, client);
    ide_client_close(client);
    return status == IDE_CLIENT_OK || stopped ? CTL_DONE : ctl_client_failed(ctl, status);
}
