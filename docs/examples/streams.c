/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prints the streams that ide-kmd knows, and with --rekey gives them new keys, showing how far it is.
 *
 *     cc streams.c $(pkg-config --cflags --libs ide-client) -o streams
 *     ./streams [--rekey] [ENDPOINT]
 */
#include <ide_client.h>
#include <stdio.h>
#include <string.h>

static const char *text(const json_t *object, const char *member)
{
    const char *value = json_string_value(json_object_get(object, member));
    return value ? value : "-";
}

static bool on_event(void *context, const json_t *event)
{
    (void)context;
    if (strcmp(text(event, "event"), "step") == 0)
        printf("  %s: %s %s\n", text(event, "device"), text(event, "step"), text(event, "state"));
    return true; /* false would cancel the request */
}

/* The reply's result is the caller's to free; NULL after saying what went wrong. */
static json_t *ask(struct ide_client *client, const char *verb)
{
    json_t *reply, *request = json_pack("{s:s}", "verb", verb);
    enum ide_client_status status = ide_client_call(client, request, 60000, on_event, NULL, &reply);
    json_t *result = json_incref(json_object_get(reply, "result")), *error = json_object_get(reply, "error");
    if (status != IDE_CLIENT_OK)
        fprintf(stderr, "streams: %s: %s\n", verb, ide_client_text(status));
    else if (error)
        fprintf(stderr, "streams: %s: %s\n", verb, text(error, "message"));
    json_decref(reply);
    json_decref(request);
    return result;
}

static int run(struct ide_client *client, bool rekey)
{
    size_t i;
    json_t *stream, *result = ask(client, rekey ? "rekey" : "show");
    json_array_foreach(json_object_get(result, "streams"), i, stream)
        printf("%s %s %lld %s\n", text(stream, "root_port"), text(stream, "endpoint"),
               (long long)json_integer_value(json_object_get(stream, "stream")), text(stream, "state"));
    json_decref(result);
    return result ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct ide_client_options options = {0};
    struct ide_client *client;
    bool rekey = argc > 1 && strcmp(argv[1], "--rekey") == 0;
    if (argc > 1 + rekey)
        options.endpoint = argv[1 + rekey];
    enum ide_client_status status = ide_client_open(&client, &options);
    if (status != IDE_CLIENT_OK) {
        fprintf(stderr, "streams: %s\n", ide_client_text(status));
        return 1;
    }
    int exit_status = run(client, rekey);
    ide_client_close(client);
    return exit_status;
}
