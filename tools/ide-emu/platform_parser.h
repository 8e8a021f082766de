/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a platform file's values are read, with an error that says where: for the files platform_*.c. */
#ifndef IDE_EMU_PLATFORM_PARSER_H
#define IDE_EMU_PLATFORM_PARSER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/ide-emu/platform.h"

#define PARSER_PATH_MAX 256u

struct parser {
    struct platform *platform;
    const char *name;
    char path[PARSER_PATH_MAX]; /* where we are: functions[1].below[0] */
    char *error;
    size_t size;
};

/* Says what is wrong with the member key, "" for the object itself. Always false. */
bool parse_wrong(struct parser *p, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Goes down to a member, or to an element if index is not negative; parse_leave() with the result comes back.
 */
size_t parse_enter(struct parser *p, const char *key, int index);
void parse_leave(struct parser *p, size_t was);

/* A misspelt key that is passed over would give a platform that is not the one that was meant. NULL ends
 * keys. */
bool parse_only_keys(struct parser *p, const json_t *object, const char *const *keys);

/* Each leaves *out as it is if the key is not there. Numbers may be strings: "0x1b36". */
bool parse_number(struct parser *p, const json_t *object, const char *key, uint64_t max, uint64_t *out);
bool parse_u8(struct parser *p, const json_t *object, const char *key, uint64_t max, uint8_t *out);
bool parse_u16(struct parser *p, const json_t *object, const char *key, uint64_t max, uint16_t *out);
bool parse_u32(struct parser *p, const json_t *object, const char *key, uint64_t max, uint32_t *out);
bool parse_unsigned(struct parser *p, const json_t *object, const char *key, uint64_t max, unsigned *out);
bool parse_bool(struct parser *p, const json_t *object, const char *key, bool *out);
/* One of the texts in the list (ended by NULL): its index. */
bool parse_choice(struct parser *p, const json_t *object, const char *key, const char *const *texts,
                  size_t *out);
/* A string, borrowed from object. */
bool parse_string(struct parser *p, const json_t *object, const char *key, const char **out);

/* The object "spdm" of a function (platform_spdm.c). */
bool parse_spdm(struct parser *p, const json_t *function, struct platform_spdm *spdm);

#endif
