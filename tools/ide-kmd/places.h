/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether something could be made at a place, as far as that can be seen without making it. */
#ifndef IDE_KMD_PLACES_H
#define IDE_KMD_PLACES_H

#include <stdbool.h>

/*
 * 0, or the errno with which this process could not open the file to write it, making it where it lacks.
 * makes_folder: its folder is made then, too, in one that is there.
 */
int place_why_no_file(const char *path, bool makes_folder);

/* The same of a socket: one that is there is replaced, and anything else that is there is not. */
int place_why_no_socket(const char *path, bool makes_folder);

/*
 * 0, or the errno with which nobody could listen at the address: an IPv4 one of this machine, the name of one
 * of its interfaces, or "*"; "[::1]" is this machine's own in IPv6.
 */
int place_why_not_ours(const char *host);

#endif
