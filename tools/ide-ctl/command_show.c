/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ide-ctl show: one port with its streams, or all streams. */
#include <stdio.h>

#include "tools/ide-ctl/ctl.h"
#include "tools/ide-ctl/kept_table.h"
#include "tools/ide-ctl/print.h"
#include "tools/ide-ctl/streams_table.h"
#include "tools/ide-ctl/terminal.h"

static struct table_view view;

static void print_ide(const json_t *ide)
{
    char text[160];
    const char *abilities = abilities_text(ide, text, sizeof text);
    printf("  IDE: %lld selective and %lld link streams, %s%s%s\n", number_of(ide, "selective_streams"),
           number_of(ide, "link_streams"), text_of(ide, "algorithm"), *abilities ? ", " : "", abilities);
}

static void print_streams(const json_t *streams)
{
    streams_table_print(&view, streams);
}

static void print_port(const json_t *port)
{
    const json_t *ide = json_object_get(port, "ide"), *streams = json_object_get(port, "streams");
    printf("%s  %s, %s:%s, class %s\n", text_of(port, "bdf"), text_of(port, "type"), text_of(port, "vendor"),
           text_of(port, "device"), text_of(port, "class"));
    if (json_is_string(json_object_get(port, "parent")))
        printf("  Below: %s\n", text_of(port, "parent"));
    printf("  DOE mailboxes: %lld\n", number_of(port, "doe"));
    if (json_is_object(ide))
        print_ide(ide);
    else
        printf("  IDE: none\n");
    if (json_is_string(json_object_get(port, "provider")))
        printf("  Keys from: %s\n", text_of(port, "provider"));
    if (forwarding_text(port))
        printf("  Forwarding: %s\n", forwarding_text(port));
    if (json_array_size(streams) > 0)
        print_streams(streams);
    else
        printf("  No stream is set up.\n");
    if (!view.no_headings) /* a script wants the streams alone */
        kept_table_print(json_object_get(port, "kept"));
    print_cxl_links(json_object_get(port, "cxl_links"));
}

static void print_all(const json_t *result)
{
    const json_t *streams = json_object_get(result, "streams");
    if (json_array_size(streams) > 0)
        print_streams(streams);
    else
        printf("No stream is set up.\n");
    if (!view.no_headings)
        kept_table_print(json_object_get(result, "kept"));
    print_cxl_links(json_object_get(result, "cxl_links"));
}

enum ctl_status command_show(const struct ctl *ctl)
{
    enum ctl_status status = table_choose(ctl, &streams_table, &view);
    if (status != CTL_DONE)
        return status;
    terminal_use_color(ctl);
    return ctl_call(ctl, API_SHOW, false, ctl->has_bdf ? print_port : print_all);
}
