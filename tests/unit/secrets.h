/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Learns each secret that the layers make, by standing between them and the
 * crypto layer (the linker's --wrap, ide_km_secrets_test() in CMakeLists.txt), and looks for what is left of them in
 * memory and on the stack.
 *
 * A secret is looked for as it is, with its words swapped as SHA-2 and bignums
 * keep them, reversed, and under HMAC's two pads: eight bytes in a row of any of
 * these are a find.
 */
#ifndef TESTS_SECRETS_H
#define TESTS_SECRETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void secrets_forget(void);
void secrets_learn(const char *name, const void *data, size_t n);
size_t secrets_count(void);

/* What n bytes contain, and what was derived from it as a record key or IV, is in use and no find from now on. */
void secrets_allow(const void *data, size_t n);

/* How many finds there are; each secret that was found is told once on stderr, after title. */
size_t secrets_find(const char *title, const void *memory, size_t n);

/* Runs f in a thread on a stack of its own, which is then searched: not with AddressSanitizer, which has other stacks. */
void secrets_run(void (*f)(void));
size_t secrets_find_on_stack(const char *title);

#endif
