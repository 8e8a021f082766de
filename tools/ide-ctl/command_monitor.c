/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ide-ctl monitor: events as they come, until interrupted. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tools/ide-ctl/client.h"
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
    if (strcmp(kind, "hello") == 0) {
        printf("connected\n");
        return;
    }
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

enum ctl_status command_monitor(const struct ctl *ctl)
{
    struct client client;
    json_t *event;
    take_signals();
    enum client_result result = client_open_events(&client, ctl->endpoint);
    while (result == CLIENT_OK && !stopped && (event = client_next_event(&client))) {
        (ctl->json ? print_line : print_event)(event);
        fflush(stdout);
        json_decref(event);
    }
    client_close(&client);
    return result == CLIENT_OK ? CTL_DONE : ctl_client_failed(ctl, result);
}
