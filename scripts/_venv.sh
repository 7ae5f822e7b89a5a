# Sourced by the scripts: makes .venv and installs the project with one extra. Needs Python >= 3.11 and a package index, nothing else.

find_python() {
    for candidate in ${PYTHON:-} python3.14 python3.13 python3.12 python3.11 python3 python; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "no Python >= 3.11 on the PATH; install one, or name it: PYTHON=/path/to/python $0" >&2
    exit 1
}

# ensure_venv EXTRA: .venv with `.[EXTRA]`, installed again only when pyproject.toml changed.
ensure_venv() {
    stamp=".venv/installed-$1"
    if [ -x .venv/bin/python ] && [ -f "$stamp" ] && cmp -s pyproject.toml "$stamp"; then
        return
    fi
    python=$(find_python) || exit 1
    [ -x .venv/bin/python ] || "$python" -m venv .venv || exit 1
    echo "installing the project with [$1] into .venv" >&2
    .venv/bin/python -m pip install --disable-pip-version-check --no-compile --editable ".[$1]" >&2 || exit 1
    # pip would do it on one core, and of processes that start together each would compile the package. A file that cannot be compiled is no
    # hindrance, as it is none to pip.
    .venv/bin/python -m compileall -q -j 0 .venv/lib processor >/dev/null 2>&1 || true
    cp pyproject.toml "$stamp"
}
