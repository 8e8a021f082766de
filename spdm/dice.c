/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spdm/dice.h"

#define TCB_INFO_FWIDS   6u
#define TCB_INFO_MEMBERS 12u   /* vendor to integrityRegisters */
#define CLASS_MASK       0xc0
#define CLASS_CONTEXT    0x80
#define CONSTRUCTED      0x20
#define TAG_MASK         0x1f

/* FWIDLIST: SEQUENCE OF FWID { hashAlg OID, digest OCTET STRING } */
static void parse_fwids(struct reader *r, const char *field)
{
    while (read_left(r) > 0) {
        struct reader fwid = der_enter(r, DER_SEQUENCE, field);
        (void)der_content(&fwid, DER_OID, field);
        (void)der_content(&fwid, DER_OCTET_STRING, field);
        der_leave(r, &fwid, field);
    }
}

/* DiceTcbInfo: each member is optional, has a context tag of its own, and they stand in order. */
static void parse_tcb_info_of(struct reader *r, const char *field)
{
    struct reader members = der_enter(r, DER_SEQUENCE, field);
    unsigned next = 0;
    while (read_left(&members) > 0) {
        uint8_t tag;
        struct reader member = der_any(&members, &tag, field);
        unsigned number = tag & TAG_MASK;
        if ((tag & CLASS_MASK) != CLASS_CONTEXT || number < next || number >= TCB_INFO_MEMBERS)
            read_fail(&members, IDE_E_CHAIN, field);
        next = number + 1;
        if (number == TCB_INFO_FWIDS) {
            if (!(tag & CONSTRUCTED))
                read_fail(&members, IDE_E_CHAIN, field);
            parse_fwids(&member, field);
            der_leave(&members, &member, field);
        }
    }
    der_leave(r, &members, field);
}

static void parse_tcb_info(struct reader *r)
{
    parse_tcb_info_of(r, "TcbInfo");
}

static void parse_multi_tcb_info(struct reader *r)
{
    static const char *const field = "MultiTcbInfo";
    struct reader list = der_enter(r, DER_SEQUENCE, field);
    if (read_left(&list) == 0)
        read_fail(&list, IDE_E_CHAIN, field);
    while (read_left(&list) > 0)
        parse_tcb_info_of(&list, field);
    der_leave(r, &list, field);
}

static void parse_ueid(struct reader *r)
{
    static const char *const field = "Ueid";
    struct reader sequence = der_enter(r, DER_SEQUENCE, field);
    if (der_content(&sequence, DER_OCTET_STRING, field).len == 0)
        read_fail(&sequence, IDE_E_CHAIN, field);
    der_leave(r, &sequence, field);
}

bool dice_extension(struct span oid, struct reader *r)
{
    static const uint8_t tcg_dice[] = {0x67, 0x81, 0x05, 0x05, 0x04};
    static void (*const parse[])(struct reader *) = {[1] = parse_tcb_info, [4] = parse_ueid, [5] = parse_multi_tcb_info};
    if (oid.len != sizeof tcg_dice + 1 || !span_equal((struct span){oid.data, sizeof tcg_dice},
                                                      (struct span){tcg_dice, sizeof tcg_dice}))
        return false;
    uint8_t number = oid.data[sizeof tcg_dice];
    if (number >= sizeof parse / sizeof parse[0] || !parse[number])
        return false;
    parse[number](r);
    return true;
}
