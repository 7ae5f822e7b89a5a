# Sourced by the scripts: makes .venv and installs the project with what is locked for one extra. Needs Python >= 3.11 and a package
# index, nothing else.

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

# ensure_venv EXTRA: .venv with `.[EXTRA]` as locked, installed again only when pyproject.toml, the lock or what is compiled changed.
ensure_venv() {
    stamp=".venv/installed-$1"
    compiled="processor/codec/avro_columns.c processor/codec/input_bodies.c"
    if [ -x .venv/bin/python ] && [ -f "$stamp" ] && cat pyproject.toml "locks/$1.txt" $compiled | cmp -s - "$stamp"; then
        return
    fi
    python=$(find_python) || exit 1
    [ -x .venv/bin/python ] || "$python" -m venv .venv || exit 1
    echo "installing the project with [$1] into .venv" >&2
    # The lock is whole, so pip has nothing to work out: a file with another hash, or a package that is not in it, ends the installation.
    install="-m pip install --disable-pip-version-check --no-compile --no-deps"
    .venv/bin/python $install --require-hashes --requirement "locks/$1.txt" >&2 || exit 1
    .venv/bin/python $install --no-build-isolation --editable . >&2 || exit 1
    # pip would do it on one core, and of processes that start together each would compile the package. A file that cannot be compiled is no
    # hindrance, as it is none to pip.
    .venv/bin/python -m compileall -q -j 0 .venv/lib processor >/dev/null 2>&1 || true
    cat pyproject.toml "locks/$1.txt" $compiled >"$stamp"
}
