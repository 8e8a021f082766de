/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a link of ide-emu carries in a second, with and without IDE, next to AES-256-GCM alone over the same
 * bytes in the same pieces. One thread; no mailbox, no file system. Prints JSON.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "emu_stream.h"
#include "tools/ide-emu/ide_tlp.h"
#include "tools/ide-emu/link_host.h"

#define PAYLOAD   128u /* Max_Payload_Size of the emulated ports */
#define TRANSFER  8192u
#define AAD       (TLP_PREFIX_SIZE + 12u)
#define MEASURE_S 1.0

static struct test_stream t;
static uint8_t data[TRANSFER];

static double now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void require(bool ok)
{
    if (!ok)
        abort();
}

static void write_bar(void)
{
    require(link_bar_write(t.device, 0, data, TRANSFER) == LINK_DONE);
}

static void read_bar(void)
{
    require(link_bar_read(t.device, 0, data, TRANSFER) == LINK_DONE);
}

static void write_host(void)
{
    require(link_dma_write(t.device, 0x10000, false, data, TRANSFER) == LINK_DONE);
}

/* Seals and opens what the writes of a transfer would, as one MAC for each. */
static struct aead_key key;

static void gcm_alone(void)
{
    uint8_t iv[IDE_IV_SIZE] = {0}, aad[AAD] = {0}, mac[AEAD_TAG_SIZE];
    for (size_t at = 0; at < TRANSFER; at += PAYLOAD) {
        iv[11]++;
        require(aead_seal(&key, iv, aad, sizeof aad, data + at, PAYLOAD, mac) == IDE_OK);
        require(aead_open(&key, iv, aad, sizeof aad, data + at, PAYLOAD, mac) == IDE_OK);
    }
}

/* MB/s */
static double rate(void (*transfer)(void))
{
    size_t n = 0;
    double start = now(), took;
    do {
        for (unsigned i = 0; i < 16; i++)
            transfer();
        n += 16;
    } while ((took = now() - start) < MEASURE_S);
    return (double)n * TRANSFER / took / 1e6;
}

static void bring_up(const struct test_stream_options *options, bool ide)
{
    struct ide_fault fault;
    test_stream_free(&t);
    test_stream_up(&t, ROOT_PORT_A, ENDPOINT_A, options);
    if (!ide)
        require(ide_pair_disable(&t.pair, &fault) == IDE_OK);
}

static void print_rates(const char *name, double gcm, const char *end)
{
    double bar_write = rate(write_bar), bar_read = rate(read_bar), dma_write = rate(write_host);
    printf(" \"%s\": {\"bar_write\": %.1f, \"bar_read\": %.1f, \"dma_write\": %.1f, "
           "\"bar_write_next_to_gcm\": %.3f}%s\n",
           name, bar_write, bar_read, dma_write, bar_write / gcm, end);
}

int main(void)
{
    static const uint8_t raw[32] = {1, 2, 3};
    static const struct test_stream_options plain = {.kind = IDE_SELECTIVE},
                                            aggregated = {.kind = IDE_SELECTIVE, .aggregation = IDE_AGGREGATION_8},
                                            all = {.kind = IDE_SELECTIVE,
                                                   .aggregation = IDE_AGGREGATION_8,
                                                   .pcrc = true,
                                                   .header = IDE_HEADER_25_2};
    require(aead_set_key(&key, AEAD_AES_256_GCM, raw) == IDE_OK);
    test_stream_up(&t, ROOT_PORT_A, ENDPOINT_A, &plain);
    double gcm = rate(gcm_alone);
    printf("{\"unit\": \"MB/s\", \"payload\": %u,\n \"aes_256_gcm_seal_and_open_alone\": %.1f,\n", PAYLOAD, gcm);
    bring_up(&plain, false);
    print_rates("without_ide", gcm, ",");
    bring_up(&plain, true);
    print_rates("with_ide", gcm, ",");
    bring_up(&aggregated, true);
    print_rates("with_ide_8_tlps_a_mac", gcm, ",");
    bring_up(&all, true);
    print_rates("with_ide_8_tlps_a_mac_pcrc_partial_header", gcm, "}");
    test_stream_free(&t);
    aead_clear(&key);
    return EXIT_SUCCESS;
}
