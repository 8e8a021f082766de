/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tools/ide-emu/config_door.h"
#include "tools/ide-emu/control_door.h"
#include "tools/ide-emu/device.h"
#include "tools/ide-emu/fuse_door.h"
#include "tools/ide-emu/link_log.h"
#include "tools/ide-emu/options.h"
#include "tools/ide-emu/spdm_door.h"
#include "tools/ide-emu/trace.h"

#define EXIT_DONE 0
#define EXIT_FAILED 1
#define EXIT_USAGE 2
#define ERROR_TEXT 8192u

/* Everything that start() opens and stop() closes. */
struct program {
    const struct options *options;
    struct platform platform;
    struct identities identities;
    struct emu emu;
    struct orders orders;
    struct fuse_door *fuse;
    struct socket_server *config;
    struct control_door *control;
    struct socket_server *spdm[OPTION_BINDINGS_MAX];
    char error[ERROR_TEXT];
};

static struct program program;

static bool failed(struct program *p, const struct option_binding *b, const char *why)
{
    char name[PCIE_BDF_TEXT];
    snprintf(p->error, sizeof p->error, "%s: %s", pcie_bdf_format(&b->bdf, name), why);
    return false;
}

static bool load_platform(struct program *p)
{
    const char *file = p->options->platform;
    if (file)
        return platform_load(&p->platform, file, p->error, sizeof p->error);
    platform_default(&p->platform);
    return true;
}

/* HOST:PORT or [HOST]:PORT */
static struct bridge *make_bridge(const char *value)
{
    char host[256];
    const char *colon = strrchr(value, ':');
    size_t len = colon ? (size_t)(colon - value) : 0;
    if (len == 0 || colon[1] == '\0' || len >= sizeof host)
        return NULL;
    bool bracketed = value[0] == '[' && value[len - 1] == ']';
    snprintf(host, sizeof host, "%.*s", (int)(bracketed ? len - 2 : len), bracketed ? value + 1 : value);
    return bridge_new(host, colon + 1);
}

static const struct option_binding *binding_of(const struct option_bindings *b, const struct pcie_bdf *bdf)
{
    for (size_t i = 0; i < b->count; i++)
        if (pcie_bdf_compare(&b->list[i].bdf, bdf) == 0)
            return &b->list[i];
    return NULL;
}

static bool open_device(struct program *p, struct emu_function *f)
{
    const struct option_binding *b = binding_of(&p->options->bridge, &f->desc.bdf);
    struct bridge *bridge = b ? make_bridge(b->value) : NULL;
    if (b && !bridge)
        return failed(p, b, "--bridge takes HOST:PORT");
    if (b)
        fprintf(stderr,
                "ide-emu: %s: bridged: partner keys unknown; its streams count as Secure when its root port's keys are "
                "started and both ends are enabled\n",
                f->name);
    return device_open(f, &p->identities, bridge, p->options->verbose, p->error, sizeof p->error) != NULL;
}

/* A binding that names no function with a mailbox is a mistake, and better said than passed over. */
static bool check_bindings(struct program *p, const struct option_bindings *b)
{
    for (size_t i = 0; i < b->count; i++) {
        const struct emu_function *f = emu_find(&p->emu, &b->list[i].bdf);
        if (!f)
            return failed(p, &b->list[i], "there is no such function");
        if (!f->doe_cap)
            return failed(p, &b->list[i], "the function has no DOE mailbox");
    }
    return true;
}

static bool open_devices(struct program *p)
{
    if (!check_bindings(p, &p->options->bridge) || !check_bindings(p, &p->options->spdm))
        return false;
    for (size_t i = 0; i < p->emu.count; i++)
        if (p->emu.functions[i].doe_cap && !open_device(p, &p->emu.functions[i]))
            return false;
    return true;
}

static bool apply_faults(struct program *p)
{
    const struct option_bindings *b = &p->options->misbehave;
    for (size_t i = 0; i < b->count; i++)
        if (!orders_misbehave(&p->orders, &b->list[i].bdf, b->list[i].value, p->error, sizeof p->error))
            return false;
    return true;
}

static bool open_spdm(struct program *p, size_t i)
{
    const struct option_binding *b = &p->options->spdm.list[i];
    char *end;
    unsigned long port = strtoul(b->value, &end, 10);
    if (*end != '\0' || b->value[0] < '0' || b->value[0] > '9' || port > UINT16_MAX)
        return failed(p, b, "--spdm takes a port from 0 to 65535");
    uint16_t chosen;
    struct emu_function *f = emu_find(&p->emu, &b->bdf);
    p->spdm[i] = spdm_door_open(f, (uint16_t)port, &chosen, p->error, sizeof p->error);
    if (p->spdm[i])
        fprintf(stderr, "ide-emu: %s: SPDM on 127.0.0.1:%u\n", f->name, chosen);
    return p->spdm[i] != NULL;
}

static void on_unmount(void)
{
    kill(getpid(), SIGTERM);
}

static bool open_doors(struct program *p)
{
    const struct options *o = p->options;
    for (size_t i = 0; i < o->spdm.count; i++)
        if (!open_spdm(p, i))
            return false;
    if (o->mount && !(p->fuse = fuse_door_open(&p->emu, o->mount, on_unmount, p->error, sizeof p->error)))
        return false;
    if (o->config_socket &&
        !(p->config = config_door_open(&p->emu, o->config_socket, p->error, sizeof p->error)))
        return false;
    return !o->control ||
           (p->control = control_door_open(&p->orders, o->control, p->error, sizeof p->error)) != NULL;
}

/* From what the others need to what others see: the doors are last, so that nobody comes in before all is there. */
static bool start(struct program *p)
{
    return load_platform(p) &&
           identities_open(&p->identities, &p->platform, p->options->identity, p->error, sizeof p->error) &&
           emu_init(&p->emu, &p->platform, p->error, sizeof p->error) &&
           link_log_open(&p->emu, p->options->pcap, p->options->link_log, p->error, sizeof p->error) &&
           trace_open(&p->emu, p->options->trace, p->error, sizeof p->error) && open_devices(p) && apply_faults(p) &&
           open_doors(p);
}

/* In reverse, and whatever of it is there. */
static void stop(struct program *p)
{
    control_door_close(p->control);
    socket_server_close(p->config);
    fuse_door_close(p->fuse);
    for (size_t i = 0; i < OPTION_BINDINGS_MAX; i++)
        socket_server_close(p->spdm[i]);
    for (size_t i = 0; i < p->emu.count; i++)
        device_close(p->emu.functions[i].device);
    if (p->emu.functions) {
        link_log_close(&p->emu);
        trace_close(&p->emu);
        emu_free(&p->emu);
    }
    identities_close(&p->identities);
}

static void wait_for_end(const sigset_t *signals)
{
    int sig;
    while (sigwait(signals, &sig) != 0)
        ;
}

static int make_identities(struct program *p)
{
    bool ok = load_platform(p) && identities_open(&p->identities, &p->platform, p->options->make_identities, p->error,
                                                  sizeof p->error);
    if (!ok)
        fprintf(stderr, "ide-emu: %s\n", p->error);
    return ok ? EXIT_DONE : EXIT_FAILED;
}

static int serve(struct program *p)
{
    /* Threads inherit the mask, so that a signal meets wait_for_end() only. */
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    p->orders = (struct orders){&p->emu, &p->identities};
    bool ok = start(p);
    if (ok) {
        fprintf(stderr, "ide-emu: trust anchor: %s/trust/root.pem\n", p->identities.directory);
        puts("ready");
        fflush(stdout);
        wait_for_end(&signals);
    } else {
        fprintf(stderr, "ide-emu: %s\n", p->error);
    }
    stop(p);
    return ok ? EXIT_DONE : EXIT_FAILED;
}

int main(int argc, char **argv)
{
    static struct options options;
    program.options = &options;
    switch (options_parse(&options, argc, argv)) {
    case OPTIONS_DONE:
        return EXIT_DONE;
    case OPTIONS_USAGE:
        return EXIT_USAGE;
    case OPTIONS_RUN:
        break;
    }
    /* Keys of sessions and streams are in this process's memory: no core file shall have them. */
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    return options.make_identities ? make_identities(&program) : serve(&program);
}
