# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
_ide_kmd() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    case $prev in
    --sysfs | --trust | --public-keys)
        mapfile -t COMPREPLY < <(compgen -d -- "$cur")
        return
        ;;
    --config | --state | --server-key | --authorized | --message-log | --keyp | --memory | --reference | --psk | --identity)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
        ;;
    --provider)
        mapfile -t COMPREPLY < <(compgen -W "auto doe kcu rot" -- "$cur")
        return
        ;;
    --spdm-versions)
        mapfile -t COMPREPLY < <(compgen -W "1.0 1.1 1.2 1.3 1.4 1.0-1.4" -- "$cur")
        return
        ;;
    --secured-versions)
        mapfile -t COMPREPLY < <(compgen -W "1.0 1.1 1.2 1.0-1.2" -- "$cur")
        return
        ;;
    --strength)
        mapfile -t COMPREPLY < <(compgen -W "112 128 192 256" -- "$cur")
        return
        ;;
    --log-level)
        mapfile -t COMPREPLY < <(compgen -W "error warning notice info debug" -- "$cur")
        return
        ;;
    --log-rows | --log-days)
        mapfile -t COMPREPLY < <(compgen -W "none 100000 90" -- "$cur")
        return
        ;;
    --watch-interval)
        mapfile -t COMPREPLY < <(compgen -W "0 70ms 250ms 1" -- "$cur")
        return
        ;;
    --admin-group | --view-group)
        mapfile -t COMPREPLY < <(compgen -g -- "$cur")
        return
        ;;
    --listen | --listen-tcp | --request-rate | --metrics | --timeout | --rot | --algorithms | --certificate-warning) return ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "--config --check --sysfs --listen --listen-tcp --server-key --authorized --admin-group --view-group --trust --allow-unnamed --allow-wrong-bdf
        --timeout --watch-interval --certificate-warning --request-rate --message-log
        --provider --rot --keyp --memory --reference --require-reference --spdm-versions --secured-versions --algorithms --strength --identity
        --identity-is-provisioned --psk --public-keys --handshake-in-the-clear
        --state --new-state --log-rows --log-days --metrics --log-level --no-sandbox --help --version" -- "$cur")
}
complete -F _ide_kmd ide-kmd
