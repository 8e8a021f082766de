/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What doctor asks of one end, in its worker, so that nothing that runs is disturbed: what its mailboxes
 * carry, and what an establish would find out first. An end whose session is open is held against trust
 * without a word to it.
 */
#ifndef IDE_KMD_PROBE_H
#define IDE_KMD_PROBE_H

#include "root_port/spdm_port.h"

struct agent;
struct job;

#define PROBE_MAILBOXES_MAX 4u

struct probe {
    bool done;      /* the worker has been here */
    bool in_use;    /* streams live on the end's session */
    bool given_key; /* it is known by a key that the operator gave, instead of a certificate */
    const char *provider;
    struct spdm_mailbox mailbox[PROBE_MAILBOXES_MAX];
    size_t mailboxes; /* that there are */
    enum ide_err err; /* of what follows */
    struct ide_fault fault;
    struct identity peer; /* if the end itself has a chain */
    bool has_peer;
    struct spdm_params params; /* version 0: its keys need no SPDM */
    bool secured_cma;
};

/* Fills job->probe; never fails itself, so that the other end is looked at, too. */
enum ide_err probe_run(struct agent *agent, struct job *job);

#endif
