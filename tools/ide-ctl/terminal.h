/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is special about a terminal: colour, its size, keys as they are pressed, and lines that are written
 * over. */
#ifndef IDE_CTL_TERMINAL_H
#define IDE_CTL_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>
#include <termios.h>

#include "tools/ide-ctl/ctl.h"

#define TERMINAL_RED    "\033[31m"
#define TERMINAL_GREEN  "\033[32m"
#define TERMINAL_YELLOW "\033[33m"
#define TERMINAL_BOLD   "\033[1m"
#define TERMINAL_DIM    "\033[2m"

/*
 * Whether what goes to standard output is coloured, for all that is printed after it: as --color says, and if
 * that says auto, on a terminal, unless NO_COLOR is set to something (no-color.org) or TERM is dumb.
 */
void terminal_use_color(const struct ctl *ctl);
bool terminal_has_color(void);

/* The sequence, and the one that ends it; empty without colour. */
const char *terminal_color(const char *sequence);
const char *terminal_plain(void);

/* Of the terminal at standard output; false if there is none. */
bool terminal_size(unsigned *columns, unsigned *lines);

/*
 * The whole terminal, with keys as they are pressed and long lines cut off; what was on it comes back with
 * terminal_give_back().
 */
struct terminal_saved {
    struct termios modes;
    bool has_modes;
};
void terminal_take(struct terminal_saved *saved);
void terminal_give_back(const struct terminal_saved *saved);

#endif
