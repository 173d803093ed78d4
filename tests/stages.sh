# shellcheck shell=bash disable=SC2154,SC2016 # variables of ./run; scripts in single quotes
# `./run test`, `./run bench` and `./run chaos`; sourced by ./run, whose helpers it uses. Every stage counts its own
# tests, prints what failed, and leaves its whole output in .local/log/test-<stage>.log.

passed=0 failed=0 skipped=0
all_parts=(unit sql web flow chaos browser lint fuzz)
asan=$root/build/asan
scratch='' # of this run, deleted at its end

# count STAGE PASSED FAILED SKIPPED
count() {
    passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
    local line="$1: $2 passed"
    [ "$3" = 0 ] || line+=", $3 failed"
    [ "$4" = 0 ] || line+=", $4 skipped"
    if [ "$3" = 0 ]; then
        tick "$line"
    else
        say "  ✗ $line; see .local/log/test-$1.log"
    fi
}

# Prints what matters of a failed stage's log, indented.
show() { # STAGE PATTERN
    { sed 's/\x1b\[[0-9;]*[mK]//g' "$log_dir/test-$1.log" | grep -aE "$2" ||
        tail -n 25 "$log_dir/test-$1.log"; } | head -n 40 | sed 's/^/      /'
}

# whole STAGE COMMAND...: a stage that is one test.
whole() {
    local stage=$1
    shift
    if attempt "$stage" "test-$stage" "$@"; then
        count "$stage" 1 0 0
    else
        count "$stage" 0 1 0
        show "$stage" 'error: |warning: |^ERROR|SUMMARY|^In .* line|SC[0-9]{4}'
        return 1
    fi
}

# ---- Stages ---------------------------------------------------------------------------------------

# Every cmocka test counts; of a program that ends without a summary (a crash, a fuzzer's corpus)
# the program itself.
count_ctest() {
    awk '
        $2 == "[" && $6 ~ /^test\(s\)/ { number = $1 + 0; n[number, $3] += $5 }
        match($0, /Test +#[0-9]+: /) {
            split(substr($0, RSTART, RLENGTH), a, /[#:]/); number = a[2]
            p = n[number, "PASSED"]; f = n[number, "FAILED"]; s = n[number, "SKIPPED"]
            if (/Passed +[0-9.]+ sec/) { if (p + f + s == 0) p = 1 }
            else if (/\*\*\*Skipped/) s = 1
            else if (f == 0) f = 1
            passed += p; failed += f; skipped += s
        }
        END { print passed + 0, failed + 0, skipped + 0 }' "$log_dir/test-unit.log"
}

# The tests of the Postgres and Redis links get servers of their own.
unit_tests() {
    MH_TEST_PG_DSN="host=$PGHOST dbname=postgres user=admin password=$PGPASSWORD" \
        MH_TEST_REDIS_URL="unix://$scratch/redis" \
        ctest --test-dir "$asan" --verbose --parallel "$(nproc)"
}

stage_unit() {
    local counts
    if start_throwaway_postgres unit && start_throwaway_redis; then
        attempt unit test-unit unit_tests || true
    fi
    stop_throwaway
    counts=$(count_ctest)
    [ "$counts" != '0 0 0' ] || counts='0 1 0'
    # shellcheck disable=SC2086 # three words
    count unit $counts
    [ "${counts#* 0}" != "$counts" ] ||
        show unit '\[  FAILED  \]|\[   LINE   \]|\*\*\*|ERROR: |runtime error:'
}

start_throwaway_postgres() { # STAGE
    scratch=$(mktemp -d /tmp/metrics-hub-test.XXXXXX)
    chmod 711 "$scratch"
    mkdir "$scratch/data"
    secret >"$scratch/password"
    give_to_postgres "$scratch/data" "$scratch/password"
    export PGHOST=$scratch/data PGUSER=admin PGPASSWORD
    PGPASSWORD=$(cat "$scratch/password")
    postgres_init "$scratch/data/cluster" "$scratch/password" >"$log_dir/test-$1.log" 2>&1 &&
        start postgres test-postgres INT "$(postgres_bin)/postgres" -D "$scratch/data/cluster" \
            -c listen_addresses= -c unix_socket_directories="$PGHOST" -c fsync=off &&
        wait_for test-postgres up psql -d postgres -qAtXc 'SELECT 1'
}

start_throwaway_redis() {
    start self test-redis TERM redis-server --port 0 --unixsocket "$scratch/redis" --save '' \
        --appendonly no --dir "$scratch" &&
        wait_for test-redis up redis-cli -s "$scratch/redis" PING
}

stop_throwaway() {
    stop_all
    rm -rf -- "$scratch"
    unset PGHOST PGUSER PGPASSWORD
}

sql_tests() {
    psql -d postgres -qXc 'CREATE DATABASE metrics_hub' &&
        "$asan/bin/metricsctl" migrate --sql sql \
            --database "host=$PGHOST dbname=metrics_hub user=admin password=$PGPASSWORD" &&
        pg_prove --verbose -d metrics_hub sql/tests/*.sql
}

stage_sql() {
    local status=0 ok bad skip
    start_throwaway_postgres sql || status=1
    [ $status != 0 ] || attempt sql test-sql sql_tests || status=1
    stop_throwaway
    ok=$(grep -Ec '^ok ' "$log_dir/test-sql.log" || true)
    bad=$(grep -Ec '^not ok ' "$log_dir/test-sql.log" || true)
    skip=$(grep -Eic '^ok .*# skip' "$log_dir/test-sql.log" || true)
    [ $status = 0 ] || [ "$bad" != 0 ] || bad=1
    count sql $((ok - skip)) "$bad" "$skip"
    [ "$bad" = 0 ] || show sql '^not ok|^# |ERROR|FATAL|Result|^metricsctl'
}

stage_web() {
    local out=$log_dir/test-web.json
    rm -f "$out"
    attempt web test-web bash -c 'cd web-client && npx vitest run --reporter=default \
        --reporter=json --outputFile.json="$1"' - "$out" || true
    if [ -s "$out" ]; then
        # shellcheck disable=SC2046 # three words
        count web $(node -p 'const r = JSON.parse(fs.readFileSync(process.argv[1]));
            [r.numPassedTests, r.numFailedTests || +!r.success, r.numPendingTests].join(" ")' "$out")
        [ "$(json_member "$out" success)" = true ] || show web 'FAIL|Error'
    else
        count web 0 1 0
        show web 'rror'
    fi
}

# Of each failed test its name and what it says, without the stack.
show_failures() { # LOG
    awk '/^ *not ok / { shown = 1 } shown && /^ *stack:/ { shown = 0 }
         shown && !/^ *(---|duration_ms|type:|location:|failureType:)/ && lines++ < 80
         /Sanitizer|runtime error:/' "$1" | sed 's/^/      /'
}

# node_tests STAGE FOLDER: files of node:test; its own summary counts.
node_tests() {
    local stage=$1 log=$log_dir/test-$1.log status=0 ok bad skip
    attempt "$stage" "test-$stage" env MH_BUILD_DIR="$asan" \
        bash -c 'cd tests && node --test --test-concurrency=1 --test-timeout=600000 --test-reporter=tap "$1"/*.test.mjs' \
        - "$2" || status=1
    ok=$(sed -n 's/^# pass //p' "$log" | tail -n 1)
    bad=$(($(sed -n 's/^# fail //p;s/^# cancelled //p' "$log" | paste -sd+) + 0))
    skip=$(sed -n 's/^# skipped //p' "$log" | tail -n 1)
    [ $status = 0 ] || [ $bad != 0 ] || bad=1
    count "$stage" "${ok:-0}" $bad "${skip:-0}"
    [ $bad = 0 ] || show_failures "$log"
}
stage_flow() { node_tests flow flow; }
stage_chaos() { node_tests chaos chaos; }
stage_browser() { node_tests browser browser; }

c_files() { find shared ingest hub metricsctl tests -name node_modules -prune -o -name '*.[ch]' -print; }
check_format() { c_files | xargs -d '\n' clang-format --dry-run -Werror; }
check_tidy() { run-clang-tidy -quiet -p "$asan" -j "$(nproc)" "^$root/(shared|ingest|hub|metricsctl)/.*"; }
check_shell() { shellcheck -x run .ci/run tests/stages.sh; }

# What is made from the table of permissions and committed is what it makes now.
check_permissions() {
    local form made status=0
    for form in sql:sql/functions/0020_permissions.sql ts:web-client/src/session/permissions.ts; do
        made=${form#*:}
        awk -v form="${form%%:*}" -f shared/access/permissions.awk shared/access/permissions.tsv |
            diff -u "$made" - || {
            echo "error: $made is not of permissions.tsv; permissions.awk says how to make it"
            status=1
        }
    done
    return $status
}

# The tests that the threat model names are there.
check_threats() {
    local name status=0
    for name in $(grep -oE '`[a-z0-9_/]+(\.test\.mjs|_test\.c|\.sql)`' docs/threats.md | tr -d '`' | sort -u); do
        [ -n "$(find tests sql/tests -path "*/node_modules" -prune -o -path "*/${name#tests/}" -print -o \
            -path "$name" -print)" ] || {
            echo "error: docs/threats.md names $name, which is not there"
            status=1
        }
    done
    return $status
}

stage_lint() {
    whole permissions check_permissions || true
    whole threats check_threats || true
    whole format check_format || true
    whole shell check_shell || true
    whole tidy check_tidy || true
}

# Runs one fuzzer from its kept corpus; what it finds new goes to FOUND, and is gone with it.
fuzz_one() { # PROGRAM FOUND
    local name
    name=$(basename "$1")
    mkdir -p "$2/$name"
    "$1" -max_total_time="${MH_FUZZ_SECONDS:-60}" -timeout=10 -print_final_stats=1 \
        -artifact_prefix="$log_dir/" "$2/$name" "$(cat "$1.corpus")" >"$log_dir/test-$name.log" 2>&1 &&
        touch "$2/$name.passed"
}

# A minute each (MH_FUZZ_SECONDS), two at a time.
fuzz_all() { # FOUND
    export -f fuzz_one
    export log_dir
    printf '%s\0' build/fuzz/fuzz/*_fuzz |
        xargs -0 -I{} -P 2 bash -c 'fuzz_one "$1" "$2" || echo "failed: $1"' - {} "$1"
}

stage_fuzz() {
    local program name found
    whole fuzz-build cmake_build fuzz || return 0
    found=$(mktemp -d)
    attempt "fuzzers run" test-fuzz fuzz_all "$found" || true
    for program in build/fuzz/fuzz/*_fuzz; do
        name=$(basename "$program")
        if [ -e "$found/$name.passed" ]; then
            count "$name" 1 0 0
        else
            count "$name" 0 1 0
            show "$name" 'ERROR: |SUMMARY|runtime error:|Test unit written'
        fi
    done
    rm -rf -- "$found"
}

# ---- Commands -------------------------------------------------------------------------------------

run_test() {
    local parts=("$@") part
    [ $# -gt 0 ] || parts=("${all_parts[@]}")
    for part in "${parts[@]}"; do
        [[ " ${all_parts[*]} " == *" $part "* ]] ||
            usage_error "there is no part '$part'; the parts are: ${all_parts[*]}"
    done
    # shellcheck disable=SC2046 # lists of words
    need_packages $(run_packages) $(test_packages)
    tick "packages are installed"
    export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1} UBSAN_OPTIONS=print_stacktrace=1
    # The build is a test too: warnings are errors.
    if whole build cmake_build asan && whole web-build web_build && whole npm npm_install tests; then
        for part in "${parts[@]}"; do "stage_$part"; done
    fi
    local line="$passed passed, $failed failed"
    [ $skipped = 0 ] || line+=", $skipped skipped"
    say "$line"
    [ $failed = 0 ]
}

run_bench() {
    # shellcheck disable=SC2046 # a list of words
    need_packages $(run_packages) wrk
    tick "packages are installed"
    step "programs are built" build cmake_build release -DMH_TESTS=OFF
    build_web
    step "test packages" npm-tests npm_install tests
    local script=run.mjs
    [ "${1:-}" != --beside ] || script=peers.mjs
    MH_BUILD_DIR=$root/build/release node "tests/bench/$script" "$@"
}

# A long run of what `./run test chaos` does shortly.
run_chaos() {
    # shellcheck disable=SC2046 # a list of words
    need_packages $(run_packages)
    tick "packages are installed"
    [ -n "${MH_BUILD_DIR:-}" ] || step "programs are built" build cmake_build release -DMH_TESTS=OFF
    build_web
    step "test packages" npm-tests npm_install tests
    MH_BUILD_DIR=${MH_BUILD_DIR:-$root/build/release} node tests/chaos/run.mjs "$@"
}
