# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Knows the ports and streams that the controller knows, if one answers.

# A member's values in the output of a command: the text or number behind its name.
_ide_ctl_values() { # MEMBER COMMAND...
    local member=$1
    shift
    ide-ctl "${_ide_ctl_connect[@]}" --json --timeout 2 "$@" 2>/dev/null |
        sed -nE "s/^ *\"$member\": \"?([^\",]+)\"?,?\$/\1/p" | sort -u
}

_ide_ctl() {
    local commands="list show attest establish rekey stop wait monitor"
    local options="--connect --json --stream --cxl --mode --generate --timeout --help --version"
    local wishes="--selective --link --tc --pcrc --partial-header --aggregation --default --tee-limited
        --config-requests --algorithm"
    local attest="--measurement --raw --unsigned --in-session --mel"
    local word command="" bdf="" cur prev i
    local -a _ide_ctl_connect=() words
    # Without bash-completion's splitting a BDF would be several words, because of its colons.
    if declare -F _get_comp_words_by_ref >/dev/null; then
        _get_comp_words_by_ref -n : cur prev words
    else
        words=("${COMP_WORDS[@]}") cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    fi
    for ((i = 1; i < ${#words[@]} - 1; i++)); do
        word=${words[i]}
        case $word in
        --connect) _ide_ctl_connect=(--connect "${words[++i]}") ;;
        --stream | --mode | --timeout | --measurement | --tc | --partial-header | --aggregation | --algorithm) ((i++)) ;;
        -*) ;;
        *) if [ -z "$command" ]; then command=$word; else bdf=$word; fi ;;
        esac
    done
    case $prev in
    --connect | --timeout | --measurement) return ;;
    --tc) mapfile -t COMPREPLY < <(compgen -W "0 1 2 3 4 5 6 7" -- "$cur") && return ;;
    --partial-header) mapfile -t COMPREPLY < <(compgen -W "17:2 25:2 33:2 41:2" -- "$cur") && return ;;
    --aggregation) mapfile -t COMPREPLY < <(compgen -W "none 2 4 8" -- "$cur") && return ;;
    --algorithm) mapfile -t COMPREPLY < <(compgen -W "AES-GCM-256" -- "$cur") && return ;;
    --mode)
        mapfile -t COMPREPLY < <(compgen -W "containment skid" -- "$cur")
        return
        ;;
    --stream)
        mapfile -t COMPREPLY < <(compgen -W "$(_ide_ctl_values stream show ${bdf:+"$bdf"})" -- "$cur")
        return
        ;;
    esac
    case $command:$cur in
    establish:-*) mapfile -t COMPREPLY < <(compgen -W "$options $wishes" -- "$cur") ;;
    attest:-*) mapfile -t COMPREPLY < <(compgen -W "$options $attest" -- "$cur") ;;
    *:-*) mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur") ;;
    :*) mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$cur") ;;
    list:* | monitor:*) ;;
    *)
        mapfile -t COMPREPLY < <(compgen -W "$(_ide_ctl_values bdf list)" -- "$cur")
        if declare -F __ltrim_colon_completions >/dev/null; then
            __ltrim_colon_completions "$cur"
        fi
        ;;
    esac
}
complete -F _ide_ctl ide-ctl
