/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the requester asks the responder for, in and out of the session. */
#include <stdio.h>
#include <string.h>

#include "peer.h"
#include "spdm/measurements.h"
#include "spdm/requester.h"
#include "spdm/services.h"

static uint8_t record[LARGE_MAX];

/* How many there are, each one of them, then all with a signature over the lot; and all as raw bit streams. */
static void measure(struct peer *p, const struct spdm_channel *channel)
{
    struct spdm_connection *c = &p->connection;
    struct spdm_measurement_result result;
    struct spdm_measurement_request how = {.index = SPDM_MEASUREMENT_COUNT};
    must(c, spdm_get_measurements(c, channel, &how, record, sizeof record, &result), "measurement count");
    unsigned total = result.total, found = 0;
    for (how.index = 1; how.index <= SPDM_MEASUREMENT_INDEX_MAX && found < total; how.index++) {
        enum ide_err err = spdm_get_measurements(c, channel, &how, record, sizeof record, &result);
        if (err == IDE_E_PEER_ERROR)   /* there is none of this index */
            continue;
        must(c, err, "one measurement");
        found++;
    }
    if (found != total)
        die("measurements", "are fewer than their number");
    how = (struct spdm_measurement_request){.index = SPDM_MEASUREMENT_ALL, .with_signature = true};
    must(c, spdm_get_measurements(c, channel, &how, record, sizeof record, &result), "all measurements, signed");
    how.raw = c->params.version >= SPDM_VERSION_12;
    must(c, spdm_get_measurements(c, channel, &how, record, sizeof record, &result), "all measurements, raw, signed");
    if (!result.verified || result.count != total)
        die("measurements", "are not all there or not verified");
}

static void get_log(struct peer *p, const struct spdm_channel *channel)
{
    size_t len;
    must(&p->connection, spdm_get_mel(&p->connection, channel, record, sizeof record, &len), "log");
}

static void get_csr(struct peer *p, const struct spdm_channel *channel)
{
    const struct spdm_get_csr request = {0};
    struct spdm_csr csr = {0};
    must(&p->connection, spdm_get_csr(&p->connection, channel, &request, &csr), "CSR");
    if (csr.len < 4 || csr.csr[0] != 0x30)
        die("CSR", "is not DER");
}

static void set_certificate(struct peer *p, const struct spdm_channel *channel)
{
    const struct spdm_set_certificate request = {
        .chain_len = (uint32_t)p->them.chain.len, .chain = p->them.chain.data};
    must(&p->connection, spdm_set_certificate(&p->connection, channel, &request), "SET_CERTIFICATE");
}

static void key_pairs(struct peer *p, const struct spdm_channel *channel)
{
    struct spdm_connection *c = &p->connection;
    struct spdm_key_pair_info info = {.total = 1};
    for (unsigned id = 1; id <= info.total; id++)
        must(c, spdm_get_key_pair_info(c, channel, (uint8_t)id, &info), "key pair");
    /* the last one, which no slot needs */
    const struct spdm_set_key_pair_info change = {.header = {.param1 = SPDM_KEY_PAIR_CHANGE}, .id = info.total};
    must(c, spdm_set_key_pair_info(c, channel, &change), "change of a key pair");
}

static void endpoint(struct peer *p, const struct spdm_channel *channel)
{
    const uint8_t *info;
    size_t len;
    must(&p->connection, spdm_get_endpoint_info(&p->connection, channel, SPDM_ENDPOINT_DEVICE_CLASS, &info, &len),
         "endpoint");
}

static void events(struct peer *p, const struct spdm_channel *channel)
{
    static uint8_t list[4096];
    struct spdm_connection *c = &p->connection;
    struct spdm_event_groups groups = {0};
    if (!channel->secured)
        return;
    must(c, spdm_get_supported_event_types(c, channel, &groups), "event types");
    if (groups.len > sizeof list)
        die("event types", "are too many");
    memcpy(list, groups.list, groups.len);
    struct spdm_event_groups wanted = {.header = {.param1 = groups.header.param1}, .len = groups.len, .list = list};
    must(c, spdm_subscribe_event_types(c, channel, &wanted), "subscription");
}

/* The keys of a whole set, as their device has it on port 1; their sample accepts every port and stream. */
static void ide_keys(struct peer *p, const struct spdm_channel *channel)
{
    struct spdm_connection *c = &p->connection;
    struct session *s = &p->session;
    struct ide_km_query_resp query;
    struct ide_key_set set;
    if (!channel->secured)
        return;
    must(c, ide_km_query(s, 0, &query), "QUERY");
    must(c, ide_key_set_generate(&set, &p->rng), "keys");
    struct ide_km_target t = {0};
    for (unsigned n = 0; n < IDE_DIRECTIONS * IDE_SUBSTREAMS; n++) {
        t.direction = n % IDE_DIRECTIONS ? IDE_TX : IDE_RX;
        t.substream = (enum ide_substream)(n / IDE_DIRECTIONS);
        must(c, ide_km_key_prog(s, &t, &set.key[t.direction][t.substream]), "KEY_PROG");
    }
    for (unsigned n = 0; n < IDE_DIRECTIONS * IDE_SUBSTREAMS; n++) {
        t.direction = n % IDE_DIRECTIONS ? IDE_TX : IDE_RX;
        t.substream = (enum ide_substream)(n / IDE_DIRECTIONS);
        must(c, ide_km_set_go(s, &t), "K_SET_GO");
        must(c, ide_km_set_stop(s, &t), "K_SET_STOP");
    }
    ide_key_set_wipe(&set);
}

static const struct {
    const char *word;
    uint8_t since;
    void (*ask)(struct peer *p, const struct spdm_channel *channel);
} steps[] = {
    {"meas", SPDM_VERSION_10, measure},       {"mel", SPDM_VERSION_13, get_log},
    {"csr", SPDM_VERSION_12, get_csr},        {"set-cert", SPDM_VERSION_12, set_certificate},
    {"pairs", SPDM_VERSION_13, key_pairs},    {"endpoint", SPDM_VERSION_13, endpoint},
    {"events", SPDM_VERSION_13, events},      {"ide-km", SPDM_VERSION_11, ide_keys},
};

void ask_all(struct peer *p, const struct spdm_channel *channel)
{
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (word(p, steps[i].word) && p->connection.params.version >= steps[i].since)
            steps[i].ask(p, channel);
}
