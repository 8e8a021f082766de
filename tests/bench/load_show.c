/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Many clients that ask `show` of one port each, each with one request under way; all ports take their turn.
 * Every reply is looked at: it is of this client's request, is a result, and no older than was asked for.
 *
 *     load_show ENDPOINT CLIENTS REQUESTS MAX_AGE_MS < BDFS
 *
 * BDFS has one port a line. MAX_AGE_MS 0: each answer is a new look at the port. Prints JSON.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

#define CLIENTS_MAX 1024u
#define PORTS_MAX   4096u
#define REPLY_MAX   65536u
#define WAIT_MS     60000

struct load {
    unsigned long clients, requests, max_age_ms;
    unsigned long asked, answered;
    char port[PORTS_MAX][16];
    size_t ports;
    void *socket[CLIENTS_MAX];
    unsigned long id[CLIENTS_MAX]; /* of the request under way */
    double sent[CLIENTS_MAX];
    double *took; /* ms, one a request */
};

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e3 * (double)t.tv_sec + (double)t.tv_nsec / 1e6;
}

static void stop_with(const char *what, const char *detail)
{
    fprintf(stderr, "load_show: %s: %s\n", what, detail);
    exit(1);
}

static void read_ports(struct load *load)
{
    while (load->ports < PORTS_MAX && scanf("%15s", load->port[load->ports]) == 1)
        load->ports++;
    if (load->ports == 0)
        stop_with("standard input", "no ports");
}

static void ask(struct load *load, size_t client)
{
    char text[160], age[40] = "";
    if (load->max_age_ms > 0)
        snprintf(age, sizeof age, ",\"max_age_ms\":%lu", load->max_age_ms);
    load->id[client] = load->asked;
    int length = snprintf(text, sizeof text, "{\"v\":1,\"id\":%lu,\"verb\":\"show\",\"bdf\":\"%s\"%s}",
                          load->asked, load->port[load->asked % load->ports], age);
    load->asked++;
    load->sent[client] = now_ms();
    if (zmq_send(load->socket[client], text, (size_t)length, 0) != length)
        stop_with("send", zmq_strerror(zmq_errno()));
}

/* The number behind the first "name": in the reply; -1: there is none. */
static long number_of(const char *reply, const char *name)
{
    char member[32];
    snprintf(member, sizeof member, "\"%s\":", name);
    const char *at = strstr(reply, member);
    return at ? strtol(at + strlen(member), NULL, 10) : -1;
}

static void check(const struct load *load, size_t client, const char *reply)
{
    const char *port = load->port[load->id[client] % load->ports];
    if (number_of(reply, "id") != (long)load->id[client] || !strstr(reply, "\"result\":") ||
        !strstr(reply, port))
        stop_with("not the answer", reply);
    /* what it takes to look counts towards the age of a new answer */
    if (load->max_age_ms > 0 && number_of(reply, "age_ms") < 0)
        stop_with("an answer without age", reply);
}

static void take(struct load *load, size_t client)
{
    static char reply[REPLY_MAX + 1];
    int length = zmq_recv(load->socket[client], reply, REPLY_MAX, 0);
    if (length < 0 || length > (int)REPLY_MAX)
        stop_with("receive", length < 0 ? zmq_strerror(zmq_errno()) : "too long");
    reply[length] = '\0';
    load->took[load->answered++] = now_ms() - load->sent[client];
    check(load, client, reply);
    if (load->asked < load->requests)
        ask(load, client);
}

static void open_clients(struct load *load, void *context, const char *endpoint)
{
    int none = 0;
    for (size_t i = 0; i < load->clients; i++) {
        load->socket[i] = zmq_socket(context, ZMQ_DEALER);
        if (!load->socket[i] || zmq_setsockopt(load->socket[i], ZMQ_LINGER, &none, sizeof none) != 0 ||
            zmq_connect(load->socket[i], endpoint) != 0)
            stop_with(endpoint, zmq_strerror(zmq_errno()));
    }
}

static void run(struct load *load)
{
    static zmq_pollitem_t item[CLIENTS_MAX];
    for (size_t i = 0; i < load->clients; i++) {
        item[i] = (zmq_pollitem_t){.socket = load->socket[i], .events = ZMQ_POLLIN};
        ask(load, i);
    }
    while (load->answered < load->requests) {
        if (zmq_poll(item, (int)load->clients, WAIT_MS) <= 0)
            stop_with("no answer", zmq_strerror(zmq_errno()));
        for (size_t i = 0; i < load->clients && load->answered < load->requests; i++)
            if (item[i].revents & ZMQ_POLLIN)
                take(load, i);
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print(struct load *load, double ms)
{
    qsort(load->took, load->answered, sizeof *load->took, compare);
    printf("{\"clients\": %lu, \"ports\": %zu, \"requests\": %lu, \"max_age_ms\": %lu, \"per_second\": %.0f, "
           "\"median_ms\": %.2f, \"p99_ms\": %.2f, \"most_ms\": %.2f}\n",
           load->clients, load->ports, load->answered, load->max_age_ms, 1e3 * (double)load->answered / ms,
           load->took[load->answered / 2], load->took[load->answered * 99 / 100],
           load->took[load->answered - 1]);
}

int main(int argc, char **argv)
{
    static struct load load;
    if (argc != 5)
        stop_with("usage", "load_show ENDPOINT CLIENTS REQUESTS MAX_AGE_MS < BDFS");
    load.clients = strtoul(argv[2], NULL, 10);
    load.requests = strtoul(argv[3], NULL, 10);
    load.max_age_ms = strtoul(argv[4], NULL, 10);
    if (load.clients == 0 || load.clients > CLIENTS_MAX || load.requests < load.clients)
        stop_with("usage", "1 to 1024 clients, and a request or more for each");
    read_ports(&load);
    load.took = calloc(load.requests, sizeof *load.took);
    void *context = zmq_ctx_new();
    if (!load.took || !context)
        stop_with("start", "out of memory");
    open_clients(&load, context, argv[1]);
    double start = now_ms();
    run(&load);
    print(&load, now_ms() - start);
    for (size_t i = 0; i < load.clients; i++)
        zmq_close(load.socket[i]);
    zmq_ctx_term(context);
    free(load.took);
    return 0;
}
