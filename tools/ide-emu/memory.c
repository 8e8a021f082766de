/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/memory.h"

#include <stdlib.h>
#include <string.h>

#define PAGE    4096u
#define BUCKETS 1024u

struct memory_page {
    struct memory_page *next;
    uint64_t number;
    uint8_t data[PAGE];
};

static struct memory_page *find(const struct memory *m, uint64_t number)
{
    struct memory_page *p = m->buckets ? m->buckets[number % BUCKETS] : NULL;
    while (p && p->number != number)
        p = p->next;
    return p;
}

static struct memory_page *find_or_add(struct memory *m, uint64_t number)
{
    struct memory_page *p = find(m, number);
    if (p || m->pages == MEMORY_PAGES_MAX)
        return p;
    if (!m->buckets)
        m->buckets = calloc(BUCKETS, sizeof(struct memory_page *));
    p = m->buckets ? calloc(1, sizeof *p) : NULL;
    if (!p)
        return NULL;
    p->number = number;
    p->next = m->buckets[number % BUCKETS];
    m->buckets[number % BUCKETS] = p;
    m->pages++;
    return p;
}

static size_t in_page(uint64_t address, size_t len)
{
    size_t left = PAGE - (size_t)(address % PAGE);
    return len < left ? len : left;
}

void memory_read(const struct memory *m, uint64_t address, uint8_t *data, size_t len)
{
    while (len > 0) {
        size_t n = in_page(address, len);
        const struct memory_page *p = find(m, address / PAGE);
        if (p)
            memcpy(data, p->data + address % PAGE, n);
        else
            memset(data, 0, n);
        address += n;
        data += n;
        len -= n;
    }
}

void memory_write(struct memory *m, uint64_t address, const uint8_t *data, size_t len)
{
    while (len > 0) {
        size_t n = in_page(address, len);
        struct memory_page *p = find_or_add(m, address / PAGE);
        if (p)
            memcpy(p->data + address % PAGE, data, n);
        address += n;
        data += n;
        len -= n;
    }
}

void memory_free(struct memory *m)
{
    for (size_t i = 0; i < BUCKETS && m->buckets; i++)
        while (m->buckets[i]) {
            struct memory_page *p = m->buckets[i];
            m->buckets[i] = p->next;
            free(p);
        }
    free(m->buckets);
    *m = (struct memory){0};
}
