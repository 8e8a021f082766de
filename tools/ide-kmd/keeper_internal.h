/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What keeper.c, which decides, and keeper_lists.c, which remembers, have of each other. */
#ifndef IDE_KMD_KEEPER_INTERNAL_H
#define IDE_KMD_KEEPER_INTERNAL_H

#include "tools/ide-kmd/keeper.h"

#define KEEPER_NEVER UINT64_MAX

/* A function that is not there, or that is quarantined. */
struct keeper_mark {
    struct keeper_mark *next;
    struct pcie_bdf bdf;
};

bool keeper_is_marked(const struct keeper_mark *first, const struct pcie_bdf *bdf);
void keeper_mark(struct keeper_mark **first, const struct pcie_bdf *bdf);
void keeper_unmark(struct keeper_mark **first, const struct pcie_bdf *bdf);

/* The item with the key that is not gone; NULL if there is none. */
struct keeper_item *keeper_get(struct keeper *keeper, const struct keeper_key *key);
/* A new one at the end; NULL without memory. */
struct keeper_item *keeper_add(struct keeper *keeper, const struct keeper_want *want,
                               enum keeper_source source);
/* Frees those that are gone. */
void keeper_sweep(struct keeper *keeper);

/* Of what establish decides by; without the policy. */
bool keeper_same_wish(const struct keeper_want *a, const struct keeper_want *b);

bool keeper_is_absent(const struct keeper *keeper, const struct keeper_item *item);
/* An operation on it runs. */
bool keeper_is_busy(const struct keeper_item *item);

/* The pause before the nth attempt, 1 and up: twice as long each time, and not the same for all. */
uint64_t keeper_pause(struct keeper *keeper, const struct policy *policy, unsigned n);

/* When the keys of one that is up are to be made new. */
uint64_t keeper_refresh_at(const struct keeper *keeper, const struct keeper_item *item);
/* After a refresh that should have made the session's keys new too: it did not. */
bool keeper_session_is_spent(const struct keeper *keeper, const struct keeper_item *item);
/* Up to ms, by chance. */
uint64_t keeper_random(struct keeper *keeper, uint64_t ms);

#endif
