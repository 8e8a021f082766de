# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
_ide_kmd() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    case $prev in
    --sysfs | --trust)
        mapfile -t COMPREPLY < <(compgen -d -- "$cur")
        return
        ;;
    --keyp | --memory)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
        ;;
    --provider)
        mapfile -t COMPREPLY < <(compgen -W "auto doe kcu rot" -- "$cur")
        return
        ;;
    --listen | --timeout | --rot) return ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "--sysfs --listen --trust --allow-unnamed --allow-wrong-bdf --timeout
        --provider --rot --keyp --memory --help --version" -- "$cur")
}
complete -F _ide_kmd ide-kmd
