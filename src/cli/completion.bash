# Unquotes TEXT: sets plain, whole (the part before the last quotation mark) and mark (the
# quotation mark that is still open).
_hpac_unquote() {
    local text=$1 letter
    local -i i
    plain='' whole='' mark=''
    for ((i = 0; i < ${#text}; i++)); do
        letter=${text:i:1}
        if [[ $mark && $letter == "$mark" ]]; then
            mark='' whole=$plain
        elif [[ $mark != "'" && $letter == "\\" ]]; then
            i+=1
            plain+=${text:i:1}
        elif [[ ! $mark && $letter == [\'\"] ]]; then
            mark=$letter whole=$plain
        else
            plain+=$letter
        fi
    done
}

# Offers BEFORE followed by each WORD, where that continues what was typed.
_hpac_offer() {
    local before=$1 word
    shift
    for word; do
        [[ $before$word != "$typed"* ]] || found+=("$before$word")
    done
}

# Offers directories, and files that end in SUFFIX; -o filenames lets readline quote them.
_hpac_offer_files() {
    local name
    compopt -o filenames 2>/dev/null || true
    files=yes
    while IFS= read -r name; do
        found+=("$1$name")
    done < <(
        compgen -d -- "$value" || true
        [[ $2 == / ]] || compgen -f -X "!*$2" -- "$value"
    )
}

# Offers classes that are not in the list yet.
_hpac_offer_classes() {
    local name head=''
    [[ $value != *,* ]] || head=${value%,*},
    while [[ ${value:${#head}:1} == ' ' ]]; do
        head+=' '
    done
    for name in "${_hpac_classes[@]}"; do
        [[ ,$head == *[,\ ]"$name",* ]] || _hpac_offer "$1$head" "$name"
    done
}

# Offers KEY= or, after it, the values the key may have.
_hpac_offer_setting() {
    local key words
    while read -r key words; do
        if [[ $value == "$key="* ]]; then
            # shellcheck disable=SC2086 # words
            _hpac_offer "$1$key=" $words
        elif [[ $value != *=* ]]; then
            compopt -o nospace 2>/dev/null || true
            _hpac_offer "$1" "$key="
        fi
    done <<<"$_hpac_keys"
}

# Offers the keys of a configuration.
_hpac_offer_keys() {
    local key rest
    while read -r key rest; do
        _hpac_offer '' "$key"
    done <<<"$_hpac_keys"
}

# _hpac_offer_value BEFORE KIND...
_hpac_offer_value() {
    local before=$1 kind
    shift
    for kind; do
        case $kind in
        word:*) _hpac_offer "$before" "${kind#word:}" ;;
        file:*) _hpac_offer_files "$before" "${kind#file:}" ;;
        directory) _hpac_offer_files "$before" / ;;
        class) _hpac_offer "$before" "${_hpac_classes[@]}" ;;
        classes) _hpac_offer_classes "$before" ;;
        setting) _hpac_offer_setting "$before" ;;
        command) _hpac_offer "$before" "${_hpac_commands[@]}" ;;
        esac
    done
}

# Offers what may follow the words of a command.
_hpac_complete_argument() {
    local command=${words[0]} option='' value=$typed word
    local -a takes
    local -i operands=0
    read -ra takes <<<"${_hpac_takes[$command]-0}"
    for word in "${words[@]:1:${#words[@]}-2}"; do
        if [[ $option ]]; then
            option='' # this was its value
        elif [[ $word == -?* ]]; then
            [[ ! ${_hpac_takes["$command $word"]-} ]] || option=$word
        else
            operands+=1
        fi
    done
    # shellcheck disable=SC2086 # the lists below are words
    if [[ $option ]]; then
        _hpac_offer_value '' ${_hpac_takes["$command $option"]}
    elif [[ $typed == --*=* ]]; then
        option=${typed%%=*} value=${typed#*=}
        _hpac_offer_value "$option=" ${_hpac_takes["$command $option"]-}
    elif [[ $typed == -* ]] || ((operands >= takes[0])); then
        for word in "${!_hpac_takes[@]}"; do
            [[ $word != "$command --"* ]] || _hpac_offer '' "${word#"$command "}"
        done
    elif [[ $command == help ]] && ((operands > 0)); then # help config KEY
        [[ ${words[*]} != *' config '* ]] || _hpac_offer_keys
    else
        _hpac_offer_value '' "${takes[@]:1}"
    fi
}

_hpac() {
    local plain whole mark piece='' before='' typed glue='' files='' word
    local -a words=() found=()
    local -i i
    # Bash splits words at = and : (COMP_WORDBREAKS); here they are joined again. The part before the
    # last split is not replaced by bash, and must not be in COMPREPLY.
    for ((i = 1; i <= COMP_CWORD; i++)); do
        piece=${COMP_WORDS[i]} before=''
        if [[ ${#words[@]} -gt 0 && ($glue || $piece =~ ^[=:]+$) ]]; then
            before=${words[-1]}
            words[-1]+=$piece
        else
            words+=("$piece")
        fi
        glue=''
        [[ ! $piece =~ ^[=:]+$ ]] || glue=yes
    done
    [[ ! $glue ]] || before=${words[-1]} piece=''
    _hpac_unquote "$before"
    before=$plain
    _hpac_unquote "$piece"
    typed=$before$plain before+=$whole

    if ((${#words[@]} < 2)); then
        _hpac_offer '' "${_hpac_commands[@]}" --help --version
    else
        _hpac_complete_argument
    fi
    COMPREPLY=()
    for word in "${found[@]}"; do
        word=${word:${#before}}
        if [[ ! $mark && ! $files ]]; then
            printf -v word %q "$word"
            word=${word//\\,/,}
        fi
        COMPREPLY+=("$word")
    done
}

complete -F _hpac hpac
