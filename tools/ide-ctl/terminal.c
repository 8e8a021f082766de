/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-ctl/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bool colored;

static bool is_wanted(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

void terminal_use_color(const struct ctl *ctl)
{
    colored = ctl->color == COLOR_ALWAYS || (ctl->color == COLOR_AUTO && is_wanted());
}

bool terminal_has_color(void)
{
    return colored;
}

const char *terminal_color(const char *sequence)
{
    return colored && sequence ? sequence : "";
}

const char *terminal_plain(void)
{
    return colored ? "\033[0m" : "";
}

bool terminal_size(unsigned *columns, unsigned *lines)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0)
        return false;
    *columns = size.ws_col;
    *lines = size.ws_row;
    return true;
}

void terminal_take(struct terminal_saved *saved)
{
    saved->has_modes = tcgetattr(STDIN_FILENO, &saved->modes) == 0;
    if (saved->has_modes) {
        struct termios modes = saved->modes;
        modes.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        modes.c_cc[VSUSP] = _POSIX_VDISABLE; /* who suspends would be left with the other screen */
        tcsetattr(STDIN_FILENO, TCSANOW, &modes);
    }
    fputs("\033[?1049h\033[?25l\033[?7l\033[H\033[2J", stdout);
    fflush(stdout);
}

void terminal_give_back(const struct terminal_saved *saved)
{
    fputs("\033[?7h\033[?25h\033[?1049l", stdout);
    fflush(stdout);
    if (saved->has_modes)
        tcsetattr(STDIN_FILENO, TCSANOW, &saved->modes);
}
