/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The certificates that are the operator's, and not the devices': the chain that the controller shows
 * (identity), and the trusted ones. One that ends within the time of --certificate-warning, or has ended, is
 * an event, once for each file. Those of devices are the watch's.
 */
#ifndef IDE_KMD_OWN_CERTIFICATES_H
#define IDE_KMD_OWN_CERTIFICATES_H

#include <jansson.h>

struct controller;

struct own_certificates {
    json_t *told; /* by file: what was said of it */
};

/* Looks for the first time as soon as the loop runs, and then every minute, or when the next one ends. */
void own_certificates_start(struct controller *c);
void own_certificates_close(struct controller *c);

#endif
