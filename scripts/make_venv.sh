#!/bin/sh
# Creates `.venv` in the current directory with a Python 3.11 or 3.12 that can really do so, unless a
# working one made for this very directory is there already. $PYTHON, if set, is tried first.
set -u

CHECK='import ensurepip, sys, venv; ensurepip.version(); sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))'

venv_works() {
    [ "$(cat .venv/.root 2>/dev/null)" = "$PWD" ] && .venv/bin/python -c '' 2>/dev/null
}

make_venv() {
    "$1" -c "$CHECK" >/dev/null 2>&1 || return 1
    rm -rf .venv
    "$1" -m venv .venv >/dev/null 2>&1 && .venv/bin/python -c 'import pip' 2>/dev/null || return 1
    printf '%s\n' "$PWD" >.venv/.root
    venv_works
}

venv_works && exit 0
for candidate in ${PYTHON:+"$PYTHON"} python3.11 python3.12 python3 python; do
    if make_venv "$candidate"; then
        echo "python environment: $(.venv/bin/python --version) in .venv"
        exit 0
    fi
done
rm -rf .venv
echo "chainbill needs Python 3.11 or 3.12 with the venv and ensurepip modules; none found. Name one: make PYTHON=/path/to/python3.11" >&2
exit 1
