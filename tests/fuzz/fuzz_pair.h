/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A requester and a device in an established session, the same for each input:
 * random numbers are counted, and the whole of it is put back before each run.
 */
#ifndef FUZZ_PAIR_H
#define FUZZ_PAIR_H

#include "loopback.h"

/* Puts the pair back to where it was after the first call of prepare, which is called once. */
struct loopback *fuzz_pair(void (*prepare)(struct loopback *l));

/* Takes the next part of an input: a byte that chooses, two of length, and the bytes. false at its end. */
bool fuzz_next(const uint8_t **data, size_t *size, uint8_t *choice, const uint8_t **part, size_t *part_len);

#endif
