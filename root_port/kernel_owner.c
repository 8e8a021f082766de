/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "root_port/kernel_owner.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STREAMS_MAX 256u
#define PATH_SIZE   (PCIE_SYSFS_PATH_MAX + 128)

bool kernel_tsm(const struct pcie_access *access, const struct pcie_bdf *device,
                char name[static KERNEL_TSM_MAX])
{
    char path[PATH_SIZE], bdf[PCIE_BDF_TEXT];
    name[0] = '\0';
    snprintf(path, sizeof path, "%s/%s/tsm/connect", access->devices, pcie_bdf_format(device, bdf));
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    if (!fgets(name, (int)KERNEL_TSM_MAX, file))
        name[0] = '\0';
    fclose(file);
    name[strcspn(name, "\n")] = '\0';
    return name[0] != '\0';
}

/* "pci0000:00" */
static void host_bridge_name(const struct pcie_bdf *root_port, char *out, size_t size)
{
    snprintf(out, size, "pci%04x:%02x", (unsigned)root_port->domain, root_port->bus);
}

/* The host bridge's directory, resolved. */
static bool find_host_bridge(const struct pcie_access *access, const struct pcie_bdf *root_port,
                             char out[static PATH_MAX])
{
    char path[PATH_SIZE], bdf[PCIE_BDF_TEXT], bridge[32];
    host_bridge_name(root_port, bridge, sizeof bridge);
    snprintf(path, sizeof path, "%s/%s/..", access->devices, pcie_bdf_format(root_port, bdf));
    if (!realpath(path, out))
        return false;
    const char *last = strrchr(out, '/');
    if (last && strcmp(last + 1, bridge) == 0)
        return true;
    snprintf(path, sizeof path, "%s/../%s", access->devices, bridge);
    return realpath(path, out) != NULL;
}

/* Where the link leads: .../pci0000:00/ROOT PORT/.../ENDPOINT. */
static bool parse_target(char *target, const struct pcie_bdf *root_port, struct kernel_stream *stream)
{
    char bridge[32];
    host_bridge_name(root_port, bridge, sizeof bridge);
    const char *last = strrchr(target, '/');
    char *first = strstr(target, bridge);
    if (!first || !last || pcie_bdf_parse(last + 1, &stream->endpoint) != IDE_OK)
        return false;
    first += strlen(bridge);
    if (*first++ != '/')
        return false;
    first[strcspn(first, "/")] = '\0';
    return pcie_bdf_parse(first, &stream->root_port) == IDE_OK;
}

/* A number of one to three digits and what ends it. */
static bool take_number(const char **text, char end, unsigned *number)
{
    unsigned digits = 0;
    for (*number = 0; **text >= '0' && **text <= '9' && digits < 4; (*text)++, digits++)
        *number = *number * 10 + (unsigned)(**text - '0');
    return digits > 0 && digits < 4 && *(*text)++ == end;
}

static bool parse_stream(const char *bridge, const char *name, const struct pcie_bdf *root_port,
                         struct kernel_stream *stream)
{
    unsigned of_bridge;
    const char *rest = name + strlen("stream");
    char path[PATH_MAX], target[PATH_MAX];
    if (strncmp(name, "stream", strlen("stream")) != 0 || !take_number(&rest, '.', &of_bridge) ||
        !take_number(&rest, '.', &stream->root_port_block) ||
        !take_number(&rest, '\0', &stream->endpoint_block))
        return false;
    int n = snprintf(path, sizeof path, "%s/%s", bridge, name);
    return n > 0 && (size_t)n < sizeof path && realpath(path, target) &&
           parse_target(target, root_port, stream);
}

size_t kernel_streams(const struct pcie_access *access, const struct pcie_bdf *root_port,
                      struct kernel_stream *list, size_t room)
{
    char bridge[PATH_MAX];
    size_t count = 0;
    const struct dirent *entry;
    DIR *directory = find_host_bridge(access, root_port, bridge) ? opendir(bridge) : NULL;
    if (!directory)
        return 0;
    while (count < room && (entry = readdir(directory)) != NULL)
        count += parse_stream(bridge, entry->d_name, root_port, &list[count]);
    closedir(directory);
    return count;
}

bool kernel_has_block(const struct kernel_stream *list, size_t count, const struct pcie_bdf *port,
                      unsigned block)
{
    for (size_t i = 0; i < count; i++)
        if ((list[i].root_port_block == block && pcie_bdf_compare(&list[i].root_port, port) == 0) ||
            (list[i].endpoint_block == block && pcie_bdf_compare(&list[i].endpoint, port) == 0))
            return true;
    return false;
}

void kernel_keep_blocks(const struct pcie_access *access, const struct pcie_bdf *root_port,
                        struct ide_port *port)
{
    struct kernel_stream list[STREAMS_MAX];
    size_t count = kernel_streams(access, root_port, list, STREAMS_MAX);
    for (unsigned i = 0; i < port->cap.selective_count; i++)
        if (kernel_has_block(list, count, &port->bdf, i))
            port->kept[i / 8] |= (uint8_t)(1u << i % 8);
}
