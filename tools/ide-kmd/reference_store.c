/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/reference_store.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "tools/common/hex.h"

#define STEP     "reference"
#define NAME_MAX_TEXT 96u

/* One object of a file: values for the devices that it names. */
struct reference_set {
    struct reference_set *next;
    bool has_bdf;
    struct pcie_bdf bdf;
    char name[NAME_MAX_TEXT]; /* what the CMA name begins with; empty: any */
    bool complete;
    struct reference_value *list;
    size_t count;
};

/* Where in which file something is wrong. */
struct place {
    const char *path;
    size_t set, value;
    struct failure *failure;
};

static enum ide_err wrong(const struct place *p, const char *key, const char *what)
{
    return failure_set(p->failure, IDE_E_NO_REFERENCE, STEP, key, "%.200s: references[%zu].%s: %s", p->path,
                       p->set, key, what);
}

static enum ide_err wrong_value(const struct place *p, const char *key, const char *what)
{
    return failure_set(p->failure, IDE_E_NO_REFERENCE, STEP, key,
                       "%.200s: references[%zu].measurements[%zu].%s: %s", p->path, p->set, p->value, key,
                       what);
}

/* The first member that is none of the keys (ended by NULL), or NULL. */
static const char *unknown_member(json_t *object, const char *const *keys)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        const char *const *k = keys;
        while (*k && strcmp(*k, key) != 0)
            k++;
        if (!*k)
            return key;
    }
    return NULL;
}

/* Hexadecimal digits, two a byte. NULL if text is anything else. */
static uint8_t *bytes_of(const char *text, uint16_t *count)
{
    size_t len = 0;
    uint8_t *bytes = malloc(REFERENCE_VALUE_MAX);
    if (!bytes || !hex_parse(text, bytes, REFERENCE_VALUE_MAX, &len)) {
        free(bytes);
        return NULL;
    }
    *count = (uint16_t)len;
    return bytes;
}

static enum ide_err take_value(const struct place *p, json_t *object, struct reference_value *out)
{
    static const char *const keys[] = {"index", "value", "tcb", NULL};
    const json_t *index = json_object_get(object, "index"), *value = json_object_get(object, "value"),
                 *tcb = json_object_get(object, "tcb");
    const char *unknown = json_is_object(object) ? unknown_member(object, keys) : "";
    if (unknown)
        return wrong_value(p, unknown, *unknown ? "there is no such member" : "is no object");
    if (!json_is_integer(index) || json_integer_value(index) < 1 ||
        json_integer_value(index) > SPDM_MEASUREMENT_INDEX_MAX)
        return wrong_value(p, "index", "is no number from 1 to 254");
    if (tcb && !json_is_boolean(tcb))
        return wrong_value(p, "tcb", "is neither true nor false");
    if (json_is_string(value))
        out->value = bytes_of(json_string_value(value), &out->len);
    if (!out->value)
        return wrong_value(p, "value", "is no string of hexadecimal digits, two for each of 1 to 4096 bytes");
    out->index = (uint8_t)json_integer_value(index);
    out->tcb = json_is_true(tcb);
    return IDE_OK;
}

static enum ide_err take_values(struct place *p, const json_t *list, struct reference_set *set)
{
    if (json_array_size(list) == 0)
        return wrong(p, "measurements", "is no array with at least one element");
    set->list = calloc(json_array_size(list), sizeof *set->list);
    if (!set->list)
        return failure_set(p->failure, IDE_E_MEMORY, STEP, NULL, "out of memory");
    for (p->value = 0; p->value < json_array_size(list); p->value++) {
        enum ide_err err = take_value(p, json_array_get(list, p->value), &set->list[set->count]);
        if (err != IDE_OK)
            return err;
        set->count++;
    }
    return IDE_OK;
}

/* Which devices are meant. */
static enum ide_err take_device(const struct place *p, const json_t *object, struct reference_set *set)
{
    const json_t *bdf = json_object_get(object, "bdf"), *name = json_object_get(object, "name"),
                 *complete = json_object_get(object, "complete");
    set->has_bdf = bdf != NULL;
    if (bdf && (!json_is_string(bdf) || pcie_bdf_parse(json_string_value(bdf), &set->bdf) != IDE_OK))
        return wrong(p, "bdf", "is no string such as \"0000:01:00.0\"");
    if (name && (!json_is_string(name) || json_string_length(name) >= sizeof set->name))
        return wrong(p, "name", "is no string such as \"Vendor=1B36:Device=0010\"");
    if (name)
        memcpy(set->name, json_string_value(name), json_string_length(name) + 1);
    if (complete && !json_is_boolean(complete))
        return wrong(p, "complete", "is neither true nor false");
    set->complete = json_is_true(complete);
    return IDE_OK;
}

static enum ide_err take_set(struct place *p, json_t *object, struct reference_store *store)
{
    static const char *const keys[] = {"bdf", "name", "complete", "measurements", NULL};
    struct reference_set *set = calloc(1, sizeof *set);
    if (!set)
        return failure_set(p->failure, IDE_E_MEMORY, STEP, NULL, "out of memory");
    set->next = store->first;
    store->first = set;
    const char *unknown = json_is_object(object) ? unknown_member(object, keys) : "";
    if (unknown)
        return wrong(p, unknown, *unknown ? "there is no such member" : "is no object");
    enum ide_err err = take_device(p, object, set);
    return err == IDE_OK ? take_values(p, json_object_get(object, "measurements"), set) : err;
}

static enum ide_err take_file(struct reference_store *store, json_t *root, const char *path,
                              struct failure *failure)
{
    static const char *const keys[] = {"references", NULL};
    struct place place = {.path = path, .failure = failure};
    const json_t *list = json_object_get(root, "references");
    const char *unknown = unknown_member(root, keys);
    if (unknown || json_array_size(list) == 0)
        return failure_set(failure, IDE_E_NO_REFERENCE, STEP, unknown,
                           "%.200s: is no object with the one member \"references\", an array", path);
    enum ide_err err = IDE_OK;
    for (; err == IDE_OK && place.set < json_array_size(list); place.set++)
        err = take_set(&place, json_array_get(list, place.set), store);
    return err;
}

static enum ide_err read_one(struct reference_store *store, const char *path, struct failure *failure)
{
    json_error_t error;
    struct stat st;
    if (stat(path, &st) != 0)
        return failure_set(failure, IDE_E_NO_REFERENCE, STEP, NULL, "%.200s: %s", path, strerror(errno));
    if (st.st_size > REFERENCE_FILE_MAX)
        return failure_set(failure, IDE_E_NO_REFERENCE, STEP, NULL, "%.200s: is longer than 1 MiB", path);
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        return failure_set(failure, IDE_E_NO_REFERENCE, STEP, NULL, "%.200s:%d:%d: %s", path, error.line,
                           error.column, error.text);
    enum ide_err err = take_file(store, root, path, failure);
    json_decref(root);
    return err;
}

static enum ide_err read_folder(struct reference_store *store, DIR *folder, const char *path,
                                struct failure *failure)
{
    const struct dirent *entry;
    char file[4096];
    while ((entry = readdir(folder))) {
        const char *dot = strrchr(entry->d_name, '.');
        if (entry->d_name[0] == '.' || !dot || strcmp(dot, ".json") != 0)
            continue;
        int n = snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        enum ide_err err =
            n > 0 && (size_t)n < sizeof file
                ? read_one(store, file, failure)
                : failure_set(failure, IDE_E_NO_REFERENCE, STEP, NULL, "%.200s: the name is too long", path);
        if (err != IDE_OK)
            return err;
    }
    return IDE_OK;
}

enum ide_err reference_store_load(struct reference_store *store, const char *path, struct failure *failure)
{
    *store = (struct reference_store){0};
    if (!path)
        return IDE_OK;
    errno = 0;
    DIR *folder = opendir(path);
    if (!folder && errno != ENOTDIR)
        return failure_set(failure, IDE_E_NO_REFERENCE, STEP, NULL, "%.200s: %s", path, strerror(errno));
    errno = 0;
    enum ide_err err = folder ? read_folder(store, folder, path, failure) : read_one(store, path, failure);
    if (folder)
        closedir(folder);
    return err;
}

void reference_store_close(struct reference_store *store)
{
    while (store->first) {
        struct reference_set *set = store->first;
        store->first = set->next;
        for (size_t i = 0; i < set->count; i++)
            free((void *)set->list[i].value);
        free(set->list);
        free(set);
    }
}

/* A CMA name begins with what was written, up to the end of a field. */
static bool name_fits(const char *wanted, const char *name)
{
    size_t n = strlen(wanted);
    return strncasecmp(name, wanted, n) == 0 && (n == 0 || name[n] == ':' || name[n] == '\0');
}

static bool fits(const struct reference_set *set, const struct pcie_bdf *bdf, const struct cma_ids *ids)
{
    char name[NAME_MAX_TEXT];
    if (set->has_bdf && pcie_bdf_compare(&set->bdf, bdf) != 0)
        return false;
    return name_fits(set->name, cma_name_text(ids, name, sizeof name));
}

enum ide_err reference_store_find(const struct reference_store *store, const struct pcie_bdf *bdf,
                                  const struct cma_ids *ids, struct reference_values *out)
{
    size_t count = 0;
    *out = (struct reference_values){0};
    for (const struct reference_set *set = store->first; set; set = set->next)
        count += fits(set, bdf, ids) ? set->count : 0;
    if (count == 0)
        return IDE_OK;
    struct reference_value *list = malloc(count * sizeof *list);
    if (!list)
        return IDE_E_MEMORY;
    for (const struct reference_set *set = store->first; set; set = set->next) {
        if (!fits(set, bdf, ids))
            continue;
        memcpy(list + out->count, set->list, set->count * sizeof *list);
        out->count += set->count;
        out->complete |= set->complete;
    }
    out->list = list;
    return IDE_OK;
}

void reference_values_release(struct reference_values *values)
{
    free((void *)values->list);
    *values = (struct reference_values){0};
}
