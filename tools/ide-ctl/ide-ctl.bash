# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Completion of ide-ctl. Commands, options and columns are what its --help says; ports and streams what the controller
# says if one answers at once, else the functions that the kernel shows.

# What --help says of a command, or of ide-ctl without one.
_ide_ctl_help() {
    "$_ide_ctl_program" ${1:+"$1"} --help 2>/dev/null
}

# The output of a command, unless it takes long: nobody waits at a prompt. IDE_CTL_COMPLETION_WAIT says how many seconds.
_ide_ctl_ask() {
    timeout "${IDE_CTL_COMPLETION_WAIT:-2}" "$_ide_ctl_program" "${_ide_ctl_connect[@]}" \
        --timeout "${IDE_CTL_COMPLETION_WAIT:-500ms}" --color never "$@" 2>/dev/null
}

_ide_ctl_ports() {
    local port ports
    ports=$(_ide_ctl_ask list --noheadings --output PORT | grep -oE '[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]')
    if [ -z "$ports" ]; then
        for port in "${IDE_CTL_SYSFS:-/sys/bus/pci}"/devices/*:*; do
            ports+=" ${port##*/}"
        done
    fi
    printf '%s' "$ports"
}

# The words of the line up to the cursor, as blanks separate them: bash's own are split at colons, too.
_ide_ctl_split() {
    local line=${COMP_LINE:0:COMP_POINT}
    read -ra _ide_ctl_words <<<"$line"
    case $line in
    *[[:blank:]]) _ide_ctl_words+=("") ;;
    esac
}

_ide_ctl_commands() {
    _ide_ctl_help | sed -nE 's/^  ([a-z]+) .*/\1/p'
}

# The command and the port among the words, and where the controller is. No value of an option looks like one of them.
_ide_ctl_parse() {
    local i word commands
    commands=" $(_ide_ctl_commands | tr '\n' ' ')"
    for ((i = 1; i < ${#_ide_ctl_words[@]} - 1; i++)); do
        word=${_ide_ctl_words[i]}
        case $word in
        --connect) _ide_ctl_connect=(--connect "${_ide_ctl_words[++i]}") ;;
        --connect=*) _ide_ctl_connect=("$word") ;;
        *[0-9a-f]:[0-9a-f]*.[0-7]) _ide_ctl_bdf=$word ;;
        *) [ -n "$_ide_ctl_command" ] || [[ $commands != *" $word "* ]] || _ide_ctl_command=$word ;;
        esac
    done
}

# The values of an option; false if it takes none, or any.
_ide_ctl_values() {
    case $1 in
    --stream) _ide_ctl_ask show ${_ide_ctl_bdf:+"$_ide_ctl_bdf"} --noheadings --output STREAM |
        grep -E '^ *[0-9]+ *$' ;;
    --state) if [ "$_ide_ctl_command" = log ]; then
        echo started "done" failed secure rekeyed off half_off insecure wanted absent left_off quarantined stopped added removed \
            link_down link_up error doe_lost doe_back kernel released lost expires_soon expired
    else
        echo secure insecure off starting wanted quarantined
    fi ;;
    --what) echo operation step stream cxl_link port session certificate recovery gap ;;
    --operation) echo attest establish rekey stop cxl_establish cxl_rekey cxl_stop doctor forget watch ;;
    --asked-by) echo policy recovery ;;
    --color) echo auto always never ;;
    --mode) echo containment skid ;;
    --tc) echo 0 1 2 3 4 5 6 7 ;;
    --partial-header) echo 17:2 25:2 33:2 41:2 ;;
    --aggregation) echo none 2 4 8 ;;
    --algorithm) echo AES-GCM-256 ;;
    --output) _ide_ctl_help "$_ide_ctl_command" | sed -nE 's/^[* ] ([A-Z-]+)  .*/\1/p' ;;
    *) return 1 ;;
    esac
}

# Bash has split the word at colons and equals signs, and replaces only what is behind the last.
_ide_ctl_reply() { # WORDS CURRENT
    local before=${2%"${2##*[:=]}"} i
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
    if [[ $COMP_WORDBREAKS == *[:=]* ]]; then
        for i in "${!COMPREPLY[@]}"; do
            COMPREPLY[i]=${COMPREPLY[i]#"$before"}
        done
    fi
}

_ide_ctl_complete() {
    local cur=${_ide_ctl_words[-1]} prev=${_ide_ctl_words[-2]} values
    case $cur in
    --*=*)
        prev=${cur%%=*}
        cur=${cur#*=}
        ;;
    esac
    if [ "$prev" = --output ] && [[ $cur == *,* ]]; then # the names before the last comma stay
        values=$(_ide_ctl_values --output)
        _ide_ctl_reply "$(for value in $values; do printf '%s ' "${cur%,*},$value"; done)" "$cur"
    elif values=$(_ide_ctl_values "$prev"); then
        _ide_ctl_reply "$values" "$cur"
    elif [[ $prev == --connect || $prev == --timeout || $prev == --measurement || $prev == --cause ||
        $prev == --sysfs ]]; then
        [ "$prev" != --sysfs ] || mapfile -t COMPREPLY < <(compgen -d -- "$cur")
    elif [[ $cur == -* ]]; then
        _ide_ctl_reply "$(_ide_ctl_help "$_ide_ctl_command" | grep -oE '^  --[a-z-]+')" "$cur"
    elif [ -z "$_ide_ctl_command" ]; then
        _ide_ctl_reply "$(_ide_ctl_commands)" "$cur"
    elif [ -z "$_ide_ctl_bdf" ] && _ide_ctl_help "$_ide_ctl_command" | head -n 1 | grep -q BDF; then
        _ide_ctl_reply "$(_ide_ctl_ports)" "$cur"
    fi
}

_ide_ctl() {
    local _ide_ctl_program=$1 _ide_ctl_command="" _ide_ctl_bdf=""
    local -a _ide_ctl_connect=() _ide_ctl_words
    COMPREPLY=()
    _ide_ctl_split
    _ide_ctl_parse
    _ide_ctl_complete
}
complete -F _ide_ctl ide-ctl
