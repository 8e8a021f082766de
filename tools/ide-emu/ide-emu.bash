# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later

_ide_emu_functions() { # SUFFIX: those of the default platform
    printf '0000:%s%s\n' 00:03.0 "$1" 01:00.0 "$1" 00:04.0 "$1" 04:00.0 "$1" 05:00.0 "$1"
}

_ide_emu_faults() {
    ide-emu --help 2>/dev/null | sed -n '/^Faults/,$s/^  \([a-z-]*\) .*/\1/p'
}

_ide_emu() {
    local options="--mount --spdm --bridge --platform --identity --make-identities --control --config-socket --pcap --link-log --trace
        --misbehave --verbose --help
        --version"
    local cur prev line
    # Without bash-completion's splitting a BDF would be several words, because of its colons.
    if declare -F _get_comp_words_by_ref >/dev/null; then
        _get_comp_words_by_ref -n := cur prev
    else
        cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    fi
    case $prev in
    --mount | --identity | --make-identities)
        mapfile -t COMPREPLY < <(compgen -d -- "$cur")
        return
        ;;
    --platform | --control | --config-socket | --pcap | --link-log | --trace)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
        ;;
    --spdm) line=$(_ide_emu_functions '=2323') ;;
    --bridge) line=$(_ide_emu_functions '=127.0.0.1:2323') ;;
    --misbehave)
        case $cur in
        *=*) line=$(_ide_emu_faults | sed "s/^/${cur%%=*}=/") ;;
        *) line=$(_ide_emu_functions '=') ;;
        esac
        ;;
    *) line=$options ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$line" -- "$cur")
    if declare -F __ltrim_colon_completions >/dev/null; then
        __ltrim_colon_completions "$cur"
    fi
}
complete -F _ide_emu ide-emu
